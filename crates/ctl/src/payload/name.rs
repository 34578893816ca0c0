//! Names in an archive, and where links point: what every device refuses. Pure.

/// What a device would say of the name of an entry; nothing where it is good.
pub(super) fn problem(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("has no name")
    } else if name.chars().any(char::is_control) {
        Some("has control characters in its name")
    } else if name.starts_with('/') {
        Some("is an absolute path")
    } else if name.split('/').any(|part| part == "..") {
        Some("holds `..`")
    } else {
        None
    }
}

/// What a device would say of a link in an archive; nothing where it is good.
pub(super) fn link_problem(name: &str, target: &str) -> Option<&'static str> {
    let parts = || target.split('/').filter(|part| !matches!(*part, "" | "."));
    let up = parts().take_while(|part| *part == "..").count();
    if target.is_empty() || target.chars().any(char::is_control) {
        Some("is a link to nothing that can be named")
    } else if target.starts_with('/') {
        Some("is a link to an absolute path; let install.sh make it")
    } else if up > tidy(name).matches('/').count() {
        Some("is a link that leads out of the archive; let install.sh make it")
    } else if parts().skip(up).any(|part| part == "..") {
        Some("is a link with `..` behind a name")
    } else {
        None
    }
}

/// The name without what means nothing: `./a//b/` is `a/b`.
pub(super) fn tidy(name: &str) -> String {
    let parts: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    parts.join("/")
}

/// Whether it belongs to tools and not to what they made: such entries, and all below them, are left out when packing.
pub(super) fn is_left_out(name: &str) -> bool {
    name.split('/').any(|part| LEFT_OUT.contains(&part))
}

/// Whether devices find in these names what to run; else what is wrong.
pub(super) fn script_problem<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut deeper = None;
    let found = names.any(|name| {
        if let Some((folder, script)) = name.split_once('/')
            && script == SCRIPT
        {
            deeper.get_or_insert_with(|| folder.to_owned());
        }
        name == SCRIPT || name == RECORDER
    });
    match deeper {
        _ if found => None,
        Some(folder) => Some(format!(
            "{SCRIPT} lies in the folder {folder}: devices look for it at the top, so they will refuse this"
        )),
        None => Some(format!("there is no {SCRIPT} in it: devices will have nothing to run, and refuse it")),
    }
}

const SCRIPT: &str = "install.sh";

/// What the old recorder's archives have instead.
const RECORDER: &str = "update_manifest.json";

const LEFT_OUT: [&str; 3] = [".git", "node_modules", "__pycache__"];

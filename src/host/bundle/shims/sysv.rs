//! The command lines of service and invoke-rc.d, as what systemctl would be asked. Pure.

use super::asked::Asked;
use super::systemctl;

/// Reads the command line of service.
pub(super) fn service(args: &[&str]) -> Asked {
    match args {
        [] => Asked::Wrong(
            1,
            "Usage: service < option > | --status-all | [ service_name [ command | --full-restart ] ]".to_owned(),
        ),
        ["--version" | "-V" | "--help" | "-h", ..] => Asked::Real,
        ["--status-all"] => systemctl::read(&["list-units", "--type=service", "--all", "--plain", "--no-legend"]),
        [name, "--full-restart"] => systemctl::read(&["restart", "--", &unit(name)]),
        [name, action, ..] => act("service", name, action),
        [name] => {
            Asked::Wrong(1, format!("service: say what is to be done with {name}: start, stop, restart or reload"))
        }
    }
}

/// Reads the command line of invoke-rc.d.
pub(super) fn invoke(args: &[&str]) -> Asked {
    let (options, words): (Vec<&str>, Vec<&str>) = args.iter().partition(|arg| arg.starts_with("--"));
    if options.contains(&"--help") {
        return Asked::Real;
    }
    let [name, action, ..] = words[..] else {
        return Asked::Wrong(103, "invoke-rc.d: syntax error: missing required parameter".to_owned());
    };
    if options.contains(&"--query") {
        return Asked::Nothing(ALLOWED);
    }
    // Whoever says this calls systemd by itself.
    if options.contains(&"--skip-systemd-native") {
        return Asked::Nothing(0);
    }
    act("invoke-rc.d", name, action)
}

fn act(program: &str, name: &str, action: &str) -> Asked {
    let verb = match action {
        "start" | "stop" | "restart" | "reload" | "try-restart" | "status" => action,
        "force-stop" => "stop",
        "condrestart" => "try-restart",
        "force-reload" => "reload-or-restart",
        "try-reload" => "try-reload-or-restart",
        other => {
            let what = format!("{program} {name} {other}");
            return Asked::refused(3, what, "only start, stop, restart, reload and status are known here");
        }
    };
    systemctl::read(&[verb, "--", &unit(name)])
}

/// The unit of an init script: the script's name may end in `.sh`.
fn unit(name: &str) -> String {
    super::unit::full(name.strip_suffix(".sh").unwrap_or(name))
}

/// invoke-rc.d's code for: the policy lets this be done.
const ALLOWED: u8 = 104;

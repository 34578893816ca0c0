//! Configuration in three stages: what is written (`file`), what it merges to (`merge`), what is valid ([`Settings`]).
//!
//! Later ones win: defaults, `agent.toml`, the drop-ins `agent.toml.d/*.toml` by name, the environment, the command
//! line. An error names file, line and setting.

mod error;
mod file;
mod merge;
pub mod settings;
mod valid;

use std::io;
use std::path::{Path, PathBuf};

pub use error::{ConfigError, Place};
pub(crate) use file::Check;
pub use merge::Overrides;
pub use settings::Settings;
pub(crate) use valid::check::is_unit;

use self::merge::Layer;
use crate::machine::rules::CheckSpec;

/// Reads the settings from `path`, else from the file that `BELAY_CONFIG` names, else from /etc/belay/agent.toml,
/// which need not exist.
pub fn load(path: Option<&Path>) -> Result<Settings, ConfigError> {
    load_with(path, Overrides::default())
}

/// As [`load`], with settings from the command line on top.
pub fn load_with(path: Option<&Path>, flags: Overrides) -> Result<Settings, ConfigError> {
    let variable = |name: &str| std::env::var(name).ok();
    let named = path.map(Path::to_path_buf).or_else(|| variable("BELAY_CONFIG").map(PathBuf::from));
    let mut layers = read(named.as_deref())?;
    layers.push(Layer::Environment(Overrides::from_environment(variable)));
    layers.push(Layer::CommandLine(flags));
    settle(&layers, nix::unistd::geteuid().is_root())
}

/// Judges checks that a bundle brings along by the rules of `[[health.check]]`. The error names check and setting.
pub(crate) fn checks(checks: Vec<Check>) -> Result<Vec<CheckSpec>, String> {
    let say = |problem: error::Problem| match problem.key.get(2..).unwrap_or_default() {
        [] => problem.message,
        [check, settings @ ..] => {
            let settings: String = settings.iter().map(|setting| format!(", {setting}")).collect();
            format!("check {check:?}{settings}: {}", problem.message)
        }
    };
    valid::check::checks(checks).map_err(say)
}

/// The settings of a device on which nobody set any.
impl Default for Settings {
    fn default() -> Self {
        valid::valid(file::File::default(), false).expect("a test keeps the defaults valid")
    }
}

fn settle(layers: &[Layer], as_root: bool) -> Result<Settings, ConfigError> {
    valid::valid(merge::merge(layers)?, as_root).map_err(|problem| merge::locate(layers, problem))
}

/// The file and its drop-ins, lowest first.
fn read(named: Option<&Path>) -> Result<Vec<Layer>, ConfigError> {
    let path = named.unwrap_or(Path::new(DEFAULT_PATH));
    let mut layers = Vec::new();
    match std::fs::read_to_string(path) {
        Ok(text) => layers.push(Layer::File { path: path.to_path_buf(), text }),
        Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => {}
        Err(source) => return Err(ConfigError::Read { path: path.to_path_buf(), source }),
    }
    for path in drop_ins(path)? {
        let text = std::fs::read_to_string(&path);
        let text = text.map_err(|source| ConfigError::Read { path: path.clone(), source })?;
        layers.push(Layer::File { path, text });
    }
    Ok(layers)
}

fn drop_ins(path: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let mut folder = path.as_os_str().to_owned();
    folder.push(".d");
    let folder = PathBuf::from(folder);
    let unreadable = |source| ConfigError::Read { path: folder.clone(), source };
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unreadable)?;
        // Editors leave hidden files.
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && entry.path().extension().is_some_and(|extension| extension == "toml") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

const DEFAULT_PATH: &str = "/etc/belay/agent.toml";

#[cfg(test)]
mod tests;

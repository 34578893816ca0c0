//! The recorder's bundles: a program, its configuration, and the script that puts them in place.

use std::path::Path;

use crate::ownership::{write, write_with_mode};

/// The script of every version. It only knows how to go forward.
const INSTALL: &str = "#!/bin/sh
set -eu
mkdir -p /usr/local/bin /etc/recorder
install -m 755 recorder /usr/local/bin/recorder
install -m 644 recorder.conf /etc/recorder/recorder.conf
rm -f /etc/recorder/before-*.conf
echo \"recorder $BELAY_VERSION is in place, after '$BELAY_OLD_VERSION'\"
systemctl restart recorder.service
";

/// Writes the folder that a version's bundle is packed from. 2.33.09 does not answer its health check.
pub(super) fn write_folder(folder: &Path, version: &str) {
    let health = match version {
        "2.33.09" => "echo 'recorder 2.33.09: no camera answers' >&2; exit 1",
        _ => "echo \"recorder answers\"",
    };
    let program =
        format!("#!/bin/sh\ncase \"${{1:-}}\" in\n  health) {health} ;;\n  *) echo recorder {version} ;;\nesac\n");
    write_with_mode(&folder.join("install.sh"), INSTALL, 0o755);
    write_with_mode(&folder.join("recorder"), program, 0o755);
    write(&folder.join("recorder.conf"), format!("version = {version}\nretention_days = 14\n"));
    write(&folder.join("belay.toml"), format!("version = \"{version}\"\nrestart = [\"recorder.service\"]\n"));
}

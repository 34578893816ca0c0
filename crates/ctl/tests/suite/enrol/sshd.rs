//! A device with an SSH server: a real sshd as an ordinary user, on a loopback address of its own, in whose shells
//! `belay-agent` is the agent of one sandbox.
//!
//! sshd must find its user among the machine's, with a shell. Started by root the kit runs it as a user who has none, so
//! there it gets a list of users of its own in a private mount namespace.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use belay_testkit::command::{command, ordinary_user, succeed};
use belay_testkit::ownership::{base_dir, create_dir, temp_dir_in, write, write_with_mode};
use belay_testkit::tools::unpacked;
use belay_testkit::wait_until;
use nix::unistd::{Uid, User};
use tempfile::TempDir;

/// How long sshd may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A sudo that needs no password, and is told never to ask for one.
const SUDO: &str = r#"[ "$1" = -n ] || { echo "sudo: a terminal is required" >&2; exit 1; }
shift
echo "$*" >>"$(dirname "$0")/../called-by-sudo"
exec "$@"
"#;

/// The name of the user in sshd's own list.
const USER: &str = "device";

/// The programs of OpenSSH and a key to log in with.
#[derive(Debug)]
pub(super) struct Keys {
    folder: TempDir,
    programs: PathBuf,
}

impl Keys {
    /// Makes a key; nothing where sshd cannot be had.
    pub(super) fn new() -> Option<Self> {
        let programs = unpacked(&["openssh-server", "libwrap0"])?;
        let folder = temp_dir_in(&base_dir(), "belayctl-keys-");
        new_key(&folder.path().join("id"));
        new_key(&folder.path().join("other"));
        Some(Self { folder, programs })
    }

    /// The secret key that the devices let in.
    pub(super) fn identity(&self) -> String {
        self.folder.path().join("id").display().to_string()
    }

    fn public(&self, name: &str) -> String {
        let path = self.folder.path().join(format!("{name}.pub"));
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
    }
}

/// Who to log in as.
pub(super) fn user() -> String {
    match ordinary_user() {
        Some(_) => USER.to_owned(),
        None => User::from_uid(Uid::current()).ok().flatten().expect("whoever runs tests has a name").name,
    }
}

/// A port that is free on the loopback addresses of this machine.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

/// A device with an SSH server. Dropped, the server is killed.
#[derive(Debug)]
pub(super) struct Device {
    folder: TempDir,
    address: Ipv4Addr,
    sshd: Child,
}

impl Device {
    /// Starts a device that lets the key in. Variables are those of its shells.
    pub(super) fn start(keys: &Keys, address: Ipv4Addr, port: u16, variables: &[(&str, &str)]) -> Self {
        let folder = temp_dir_in(&base_dir(), "belayctl-sshd-");
        let at = folder.path().to_owned();
        new_key(&at.join("host_key"));
        create_dir(&at.join("bin"));
        write_with_mode(&at.join("authorized_keys"), keys.public("id"), 0o600);
        // Who calls it has root's rights already as far as a sandbox has any; it notes what is called so.
        write_with_mode(&at.join("bin/sudo"), format!("#!/bin/sh\n{SUDO}"), 0o755);
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", at.join("bin").display());
        let set: Vec<String> = [("PATH", path.as_str())]
            .iter()
            .chain(variables)
            .map(|(name, value)| format!("\"{name}={value}\""))
            .collect();
        write(
            &at.join("sshd_config"),
            format!(
                "ListenAddress {address}:{port}\nHostKey {at}/host_key\nAuthorizedKeysFile {at}/authorized_keys\n\
                 PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\n\
                 KbdInteractiveAuthentication no\nSetEnv {}\n",
                set.join(" "),
                at = at.display()
            ),
        );
        let mut sshd = sshd(keys, &at);
        let sshd = sshd.spawn().unwrap_or_else(|error| panic!("cannot start {sshd:?}: {error}"));
        let mut device = Self { folder, address, sshd };
        wait_until("an SSH server that listens", PATIENCE, || {
            let ended = device.sshd.try_wait().expect("a child of ours can be waited for");
            assert!(ended.is_none(), "sshd ended: {}", device.log());
            TcpStream::connect((device.address, port)).ok()
        });
        device
    }

    /// Lets another key in, and no longer the right one; or the right one again.
    pub(super) fn lets_in(&self, keys: &Keys, right: bool) {
        let key = keys.public(if right { "id" } else { "other" });
        write_with_mode(&self.folder.path().join("authorized_keys"), key, 0o600);
    }

    /// Puts the agent's program into its shells' path: it notes the command lines that lead to it.
    pub(super) fn install_agent(&self, program: &Path, config: &Path) {
        self.install(&format!(
            "{{ tr '\\0' ' ' </proc/$$/cmdline; tr '\\0' ' ' </proc/$PPID/cmdline; }} >>{:?}\n\
             exec {program:?} --config {config:?} \"$@\"",
            self.command_lines_path()
        ));
    }

    /// Puts an agent there that says that it was called and never answers, as long as the device is there.
    pub(super) fn install_agent_that_hangs(&self) {
        let called = self.command_lines_path();
        self.install(&format!("echo called >{called:?}\nwhile test -e {called:?}; do sleep 0.1; done"));
    }

    /// Puts an agent there that answers this, whatever it is asked, and fails.
    pub(super) fn install_agent_that_says(&self, answer: &str) {
        self.install(&format!("cat >/dev/null\ncat <<'END'\n{answer}\nEND\nexit 2"));
    }

    /// Has its sudo ask for a password from now on.
    pub(super) fn sudo_wants_a_password(&self) {
        let script = "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n";
        write_with_mode(&self.folder.path().join("bin/sudo"), script, 0o755);
    }

    /// The command lines that sudo was called with.
    pub(super) fn called_by_sudo(&self) -> String {
        fs::read_to_string(self.folder.path().join("called-by-sudo")).unwrap_or_default()
    }

    fn install(&self, script: &str) {
        write_with_mode(&self.folder.path().join("bin/belay-agent"), format!("#!/bin/sh\n{script}\n"), 0o755);
    }

    /// The command lines that led to the agent's program, as every user of the device could have read them.
    pub(super) fn command_lines(&self) -> String {
        fs::read_to_string(self.command_lines_path()).unwrap_or_default()
    }

    fn command_lines_path(&self) -> PathBuf {
        self.folder.path().join("command-lines")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.sshd.kill();
        let _ = self.sshd.wait();
    }
}

fn sshd(keys: &Keys, at: &Path) -> Command {
    let program = keys.programs.join("usr/sbin/sshd");
    let words = format!("exec {program:?} -D -E {:?} -f {:?}", at.join("log"), at.join("sshd_config"));
    let mut command = match ordinary_user() {
        Some((uid, gid)) => {
            let passwd = at.join("passwd");
            let user = format!("{USER}:NP:{uid}:{gid}:{USER}:{}:/bin/sh", at.display());
            write(&passwd, format!("root:x:0:0:root:/root:/bin/sh\n{user}\n"));
            let mut command = as_root("unshare");
            command.args(["--mount", "--propagation", "private", "sh", "-c"]).arg(format!(
                "mount --bind {passwd:?} /etc/passwd && \
                 exec setpriv --reuid {uid} --regid {gid} --clear-groups sh -c '{words}'"
            ));
            command
        }
        None => {
            let mut command = command("sh");
            command.args(["-c", &words]);
            command
        }
    };
    // Its library beside it; the name of the machine's is in the folder's.
    let libraries = keys.programs.join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH));
    command.env("LD_LIBRARY_PATH", libraries).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    command
}

/// A program that must make a namespace first. What it starts there drops root's rights before it does anything else.
#[expect(clippy::disallowed_methods, reason = "the kit's own commands run without root's rights")]
fn as_root(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
    command
}

fn new_key(path: &Path) {
    succeed(command("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path));
}

//! A userland for a private root: a shell and the usual small programs, taken from this machine with the libraries that
//! they need, in today's layout (`/bin` is a link to `usr/bin`).
//!
//! Scripts run in it as on a device. The libraries of the running test program are in it too: the agent, built by the
//! same compiler, needs no others.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use crate::command::{command, output, succeed, transcript};
use crate::ownership::{create_dir, hand_over, temp_dir_in, write, write_with_mode};
use crate::tools::{boot_id, cache_dir, settle};

/// Programs that a script finds; those that this machine lacks are left out.
const PROGRAMS: [&str; 51] = [
    "awk",
    "basename",
    "bash",
    "cat",
    "chmod",
    "chown",
    "cmp",
    "cp",
    "cut",
    "date",
    "dd",
    "dirname",
    "du",
    "echo",
    "env",
    "expr",
    "false",
    "find",
    "grep",
    "head",
    "hostname",
    "id",
    "install",
    "kill",
    "ln",
    "ls",
    "mkdir",
    "mkfifo",
    "mknod",
    "mktemp",
    "mv",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "setsid",
    "sleep",
    "sort",
    "stat",
    "sync",
    "systemctl",
    "tail",
    "tar",
    "tee",
    "test",
    "touch",
    "tr",
];

/// More of them, for what bundles do less often.
const MORE: [&str; 14] = [
    "true",
    "uname",
    "wc",
    "xargs",
    "gzip",
    "sha256sum",
    "truncate",
    "uniq",
    "whoami",
    "nproc",
    "setfattr",
    "getfattr",
    "setcap",
    "setfacl",
];

/// Folders of every system, beside the ones that hold programs.
const FOLDERS: [&str; 14] = [
    "proc",
    "sys",
    "dev",
    "run",
    "tmp",
    "root",
    "etc",
    "home",
    "opt",
    "var/lib",
    "var/log",
    "var/tmp",
    "usr/local/bin",
    "usr/share",
];

/// Links of the usr-merged layout.
const LINKS: [(&str, &str); 4] = [("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")];

/// Puts a userland into a root; what the root holds stays.
///
/// # Panics
/// When it cannot be copied, or when the root has folders where the layout has links.
pub fn install(root: &Path) {
    let template = template();
    let mut source = template.into_os_string();
    source.push("/.");
    succeed(command("cp").args(["-a", "--reflink=auto"]).arg(source).arg(root));
}

/// Returns a folder with the userland, made once per boot.
fn template() -> PathBuf {
    let place = cache_dir().join(format!("userland-{}", boot_id()));
    if place.is_dir() {
        return place;
    }
    let fresh = temp_dir_in(&cache_dir(), "userland-");
    fill(fresh.path());
    settle(&fresh.keep(), &place).unwrap_or_else(|reason| panic!("{reason}"));
    place
}

fn fill(root: &Path) {
    for folder in FOLDERS.iter().chain(&["usr/bin", "usr/sbin", "usr/lib", "usr/lib64"]) {
        create_dir(&root.join(folder));
    }
    for (link, target) in LINKS {
        symlink(target, root.join(link)).unwrap_or_else(|error| panic!("cannot make the link {link}: {error}"));
        hand_over(&root.join(link));
    }
    write(&root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n");
    write(&root.join("etc/group"), "root:x:0:\nnogroup:x:65534:\n");
    let own = std::env::current_exe().expect("a test knows its own program");
    let mut libraries = libraries(&own);
    for name in PROGRAMS.iter().chain(&MORE) {
        let Some(program) = find(name) else { continue };
        libraries.extend(self::libraries(&program));
        put(&program, &root.join("usr/bin").join(name));
    }
    let shell = find("dash").or_else(|| find("sh")).expect("every system has a shell");
    libraries.extend(self::libraries(&shell));
    put(&shell, &root.join("usr/bin/sh"));
    for library in libraries {
        put(&library, &below_usr(root, &library));
    }
}

/// Copies a file with its mode to a place, whatever links lead to it.
fn put(file: &Path, place: &Path) {
    let contents = fs::read(file).unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
    write_with_mode(place, contents, 0o755);
}

/// Where a library goes: `/lib` is a link to `usr/lib`, here and in the root.
fn below_usr(root: &Path, library: &Path) -> PathBuf {
    let path = library.strip_prefix("/").expect("ldd names absolute paths");
    if path.starts_with("usr") { root.join(path) } else { root.join("usr").join(path) }
}

/// Returns a program's libraries and its loader, as `ldd` names them; none for a script.
fn libraries(program: &Path) -> BTreeSet<PathBuf> {
    // With our own rights: the test program may lie where the ordinary user cannot look.
    let (user, group) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
    let told = output(command("ldd").uid(user).gid(group).arg(program));
    if !told.status.success() {
        // It says so of what is no dynamic program, and nothing else keeps it from an answer.
        assert!(!transcript(&told).contains("No such file"), "{}", transcript(&told));
        return BTreeSet::new();
    }
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    text.lines().flat_map(str::split_whitespace).filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

fn find(name: &str) -> Option<PathBuf> {
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.is_file())
}

//! Our own packages as they were built, and other versions of them made by taking them apart and changing something.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use belay_testkit::command::succeed;
use belay_testkit::deb::native_architecture;
use belay_testkit::root_tier::root;
use tempfile::TempDir;

use crate::need::target_folder;

/// One of our packages, as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OurDeb {
    file: PathBuf,
}

/// What another version has that the one it is made from has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// Bytes at the end of a program, which it does not notice.
    Append {
        /// The program's path on the device.
        program: &'a str,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// Another file, with mode 755, in the place of one or where there is none.
    Replace {
        /// Its path on the device.
        path: &'a str,
        /// What is in it.
        contents: &'a str,
    },
    /// A script in the place of a program, which it finds at another path.
    Wrap {
        /// The program's path on the device.
        program: &'a str,
        /// Where the program goes.
        real: &'a str,
        /// The script.
        script: &'a str,
    },
    /// Another maintainer script in the place of one or where there is none.
    Script {
        /// `preinst`, `postinst`, `prerm` or `postrm`.
        name: &'a str,
        /// All of it.
        contents: &'a str,
    },
    /// Lines at the beginning of a maintainer script, right after its first line.
    Before {
        /// `preinst`, `postinst`, `prerm` or `postrm`; there must be one.
        name: &'a str,
        /// The lines.
        lines: &'a str,
    },
}

impl OurDeb {
    /// The newest built package of this name for this machine: in `BELAY_DEBS`, else in `target/debian`.
    ///
    /// # Panics
    /// When none was built.
    pub fn built(name: &str) -> Self {
        let folder = std::env::var_os("BELAY_DEBS").map_or_else(|| target_folder().join("debian"), PathBuf::from);
        let (start, end) = (format!("{name}_"), format!("_{}.deb", native_architecture()));
        let is_one = |path: &PathBuf| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with(&start) && name.ends_with(&end))
        };
        let age = |path: &PathBuf| fs::metadata(path).and_then(|file| file.modified()).ok();
        let files = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let file = files.filter(is_one).max_by_key(age);
        let file = file.unwrap_or_else(|| panic!("no {start}*{end} in {}: run `make deb`", folder.display()));
        Self { file }
    }

    /// A package that is a file already.
    pub fn at(file: &Path) -> Self {
        Self { file: file.to_owned() }
    }

    /// Its file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// A field of its control file, empty where it has none.
    ///
    /// # Panics
    /// When the file is no package.
    pub fn field(&self, name: &str) -> String {
        succeed(root("dpkg-deb").arg("--field").arg(&self.file).arg(name)).trim().to_owned()
    }

    /// Its version.
    pub fn version(&self) -> String {
        self.field("Version")
    }

    /// The same with another version and these changes, as a file in `folder`.
    ///
    /// # Panics
    /// When a change does not fit the package.
    pub fn repacked(&self, version: &str, changes: &[Change<'_>], folder: &Path) -> Self {
        let work = TempDir::with_prefix("belay-repack-").expect("there is a temporary folder");
        let tree = work.path().join("tree");
        succeed(root("dpkg-deb").arg("--raw-extract").arg(&self.file).arg(&tree));
        let control = tree.join("DEBIAN/control");
        let text = read(&control);
        let old = text.lines().find(|line| line.starts_with("Version: ")).expect("a package has a version");
        write(&control, text.replacen(old, &format!("Version: {version}"), 1).as_bytes(), 0o644);
        changes.iter().for_each(|change| change.make(&tree));
        let (name, architecture) = (self.field("Package"), self.field("Architecture"));
        let file = folder.join(format!("{name}_{}_{architecture}.deb", version.replace(':', "%3a")));
        succeed(root("dpkg-deb").args(["--root-owner-group", "-Zgzip", "-z1", "--build"]).arg(&tree).arg(&file));
        Self { file }
    }
}

impl Change<'_> {
    fn make(&self, tree: &Path) {
        match self {
            Self::Append { program, bytes } => {
                let path = inside(tree, program);
                let mut contents = fs::read(&path).unwrap_or_else(|error| panic!("no {program} in it: {error}"));
                contents.extend_from_slice(bytes);
                write(&path, &contents, 0o755);
            }
            Self::Replace { path, contents } => write(&inside(tree, path), contents.as_bytes(), 0o755),
            Self::Wrap { program, real, script } => {
                let (program, real) = (inside(tree, program), inside(tree, real));
                fs::create_dir_all(real.parent().expect("a path on a device has a folder"))
                    .and_then(|()| fs::rename(&program, &real))
                    .unwrap_or_else(|error| panic!("cannot move {}: {error}", program.display()));
                write(&program, script.as_bytes(), 0o755);
            }
            Self::Script { name, contents } => write(&tree.join("DEBIAN").join(name), contents.as_bytes(), 0o755),
            Self::Before { name, lines } => {
                let path = tree.join("DEBIAN").join(name);
                let text = read(&path);
                let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
                write(&path, format!("{first}\n{lines}\n{rest}").as_bytes(), 0o755);
            }
        }
    }
}

fn inside(tree: &Path, path: &str) -> PathBuf {
    tree.join(path.strip_prefix('/').unwrap_or_else(|| panic!("{path} is not an absolute path")))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

#[expect(clippy::disallowed_methods, reason = "what is packed next need not survive a power cut")]
fn write(path: &Path, contents: &[u8], mode: u32) {
    let parent = path.parent().expect("a path below a tree has a folder");
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(path, contents))
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}

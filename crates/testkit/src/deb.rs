//! Builds Debian packages for tests with the real `dpkg-deb`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::command::{command, succeed};
use crate::ownership::{base_dir, create_dir, hand_over, temp_dir_in, write, write_with_mode};

/// A package to be built: a description that can be cloned and changed, turned into a file by [`Deb::build`].
#[derive(Clone, Debug)]
pub struct Deb {
    name: String,
    version: String,
    architecture: String,
    fields: Vec<(String, String)>,
    files: Vec<(String, Vec<u8>)>,
    symlinks: Vec<(String, String)>,
    conffiles: Vec<String>,
    attributes: Vec<(String, u32, (u32, u32))>,
    scripts: Vec<(Script, String)>,
    triggers: Option<String>,
    filler: u64,
    compression: &'static str,
}

/// A maintainer script of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// Before the files are unpacked.
    Preinst,
    /// After the files are unpacked, to configure the package.
    Postinst,
    /// Before the files are removed.
    Prerm,
    /// After the files are removed or purged.
    Postrm,
}

impl Script {
    fn file_name(self) -> &'static str {
        match self {
            Self::Preinst => "preinst",
            Self::Postinst => "postinst",
            Self::Prerm => "prerm",
            Self::Postrm => "postrm",
        }
    }
}

impl Deb {
    /// Describes an empty package for every architecture.
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: "all".to_owned(),
            fields: Vec::new(),
            files: Vec::new(),
            symlinks: Vec::new(),
            conffiles: Vec::new(),
            attributes: Vec::new(),
            scripts: Vec::new(),
            triggers: None,
            filler: 0,
            compression: "-Zgzip",
        }
    }

    /// Returns the package's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the package's version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Sets the architecture, see [`native_architecture`].
    #[must_use]
    pub fn architecture(mut self, architecture: &str) -> Self {
        self.architecture = architecture.to_owned();
        self
    }

    /// Adds a control field.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets `Depends`.
    #[must_use]
    pub fn depends(self, relation: &str) -> Self {
        self.field("Depends", relation)
    }

    /// Sets `Pre-Depends`.
    #[must_use]
    pub fn pre_depends(self, relation: &str) -> Self {
        self.field("Pre-Depends", relation)
    }

    /// Sets `Conflicts`.
    #[must_use]
    pub fn conflicts(self, relation: &str) -> Self {
        self.field("Conflicts", relation)
    }

    /// Sets `Breaks`.
    #[must_use]
    pub fn breaks(self, relation: &str) -> Self {
        self.field("Breaks", relation)
    }

    /// Sets `Replaces`.
    #[must_use]
    pub fn replaces(self, relation: &str) -> Self {
        self.field("Replaces", relation)
    }

    /// Sets `Provides`.
    #[must_use]
    pub fn provides(self, relation: &str) -> Self {
        self.field("Provides", relation)
    }

    /// Sets `Multi-Arch`.
    #[must_use]
    pub fn multi_arch(self, value: &str) -> Self {
        self.field("Multi-Arch", value)
    }

    /// Marks the package as essential.
    #[must_use]
    pub fn essential(self) -> Self {
        self.field("Essential", "yes")
    }

    /// Adds a file; `path` is absolute on the device.
    #[must_use]
    pub fn file(mut self, path: &str, contents: impl AsRef<[u8]>) -> Self {
        self.files.push((path.to_owned(), contents.as_ref().to_vec()));
        self
    }

    /// Adds a symbolic link; `path` is absolute on the device.
    #[must_use]
    pub fn symlink(mut self, path: &str, target: &str) -> Self {
        self.symlinks.push((path.to_owned(), target.to_owned()));
        self
    }

    /// Adds a configuration file; `path` is absolute on the device.
    #[must_use]
    pub fn conffile(mut self, path: &str, contents: impl AsRef<[u8]>) -> Self {
        self.conffiles.push(path.to_owned());
        self.file(path, contents)
    }

    /// Gives a path of the package a mode and an owner (user and group); everything else stays root's. Only root can
    /// build such a package.
    #[must_use]
    pub fn attributes(mut self, path: &str, mode: u32, owner: (u32, u32)) -> Self {
        self.attributes.push((path.to_owned(), mode, owner));
        self
    }

    /// Adds a maintainer script. Without a `#!` line of its own the body is run by `sh -e`.
    ///
    /// On a sandbox the script runs chrootless: paths on the device start with `$DPKG_ROOT`.
    #[must_use]
    pub fn script(mut self, script: Script, body: &str) -> Self {
        self.scripts.push((script, body.to_owned()));
        self
    }

    /// Sets the triggers control file, such as `interest-noawait /usr/share/demo`.
    #[must_use]
    pub fn triggers(mut self, text: &str) -> Self {
        self.triggers = Some(text.to_owned());
        self
    }

    /// Adds a file of that many incompressible bytes, the same ones for the same name and version.
    #[must_use]
    pub fn size(mut self, bytes: u64) -> Self {
        self.filler = bytes;
        self
    }

    /// Leaves the package uncompressed: equally long contents make equally large packages, and a flipped byte is
    /// noticed by nothing but a digest.
    #[must_use]
    pub fn uncompressed(mut self) -> Self {
        self.compression = "-Znone";
        self
    }

    /// Returns the file name that the archive would use, an epoch's colon escaped.
    pub fn file_name(&self) -> String {
        format!("{}_{}_{}.deb", self.name, self.version.replace(':', "%3a"), self.architecture)
    }

    /// Builds the package into `dir` and returns the file's path.
    ///
    /// # Panics
    /// When `dpkg-deb` refuses it.
    pub fn build(&self, dir: &Path) -> PathBuf {
        let tree = temp_dir_in(&base_dir(), "belay-deb-");
        let installed_kib = self.lay_out(tree.path());
        self.write_control(&tree.path().join("DEBIAN"), installed_kib);
        create_dir(dir);
        let path = dir.join(self.file_name());
        let mut pack = command("dpkg-deb");
        if self.attributes.is_empty() {
            pack.arg("--root-owner-group");
        } else {
            self.set_attributes(tree.path());
            pack.uid(0).gid(0);
        }
        succeed(pack.args([self.compression, "-z1", "-b"]).arg(tree.path()).arg(&path));
        hand_over(&path);
        path
    }

    fn set_attributes(&self, tree: &Path) {
        succeed(command("chown").uid(0).gid(0).args(["--recursive", "--no-dereference", "0:0"]).arg(tree));
        for (path, mode, (uid, gid)) in &self.attributes {
            let path = inside(tree, path);
            lchown(&path, Some(*uid), Some(*gid))
                .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(*mode)))
                .unwrap_or_else(|error| panic!("cannot give {} its owner and mode: {error}", path.display()));
        }
    }

    /// Writes the package's own files and returns their size in KiB.
    fn lay_out(&self, tree: &Path) -> u64 {
        let mut bytes = 0;
        for (path, contents) in &self.files {
            let executable = path.contains("/bin/") || path.contains("/sbin/");
            write_with_mode(&inside(tree, path), contents, if executable { 0o755 } else { 0o644 });
            bytes += contents.len() as u64;
        }
        for (path, target) in &self.symlinks {
            let path = inside(tree, path);
            create_dir(path.parent().expect("a path below the tree has a parent"));
            symlink(target, &path).unwrap_or_else(|error| panic!("cannot link {}: {error}", path.display()));
            hand_over(&path);
        }
        if self.filler > 0 {
            let path = tree.join("usr/share").join(&self.name).join("filler");
            write(&path, filler(&format!("{}={}", self.name, self.version), self.filler));
            bytes += self.filler;
        }
        bytes.div_ceil(1024)
    }

    fn write_control(&self, control: &Path, installed_kib: u64) {
        let mut text = format!(
            "Package: {}\nVersion: {}\nArchitecture: {}\nMaintainer: Belay <belay@example.invalid>\n\
             Installed-Size: {installed_kib}\nSection: misc\nPriority: optional\n",
            self.name, self.version, self.architecture
        );
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\n"));
        }
        if !self.fields.iter().any(|(name, _)| name == "Description") {
            text.push_str("Description: test package of Belay\n");
        }
        write(&control.join("control"), text);
        if !self.conffiles.is_empty() {
            write(&control.join("conffiles"), self.conffiles.join("\n") + "\n");
        }
        if let Some(triggers) = &self.triggers {
            write(&control.join("triggers"), format!("{triggers}\n"));
        }
        for (script, body) in &self.scripts {
            let shebang = if body.starts_with("#!") { "" } else { "#!/bin/sh\nset -e\n" };
            write_with_mode(&control.join(script.file_name()), format!("{shebang}{body}\n"), 0o755);
        }
    }
}

/// Returns the architecture this machine's dpkg was built for, such as `amd64`.
///
/// # Panics
/// When dpkg cannot be run.
pub fn native_architecture() -> String {
    succeed(command("dpkg").arg("--print-architecture")).trim().to_owned()
}

fn inside(tree: &Path, path: &str) -> PathBuf {
    let relative = path.strip_prefix('/').unwrap_or_else(|| panic!("{path} is not an absolute path"));
    tree.join(relative)
}

fn filler(seed: &str, size: u64) -> Vec<u8> {
    let size = usize::try_from(size).expect("a filler fits into memory");
    let digest = Sha256::digest(seed.as_bytes());
    let mut word = [0; 8];
    word.copy_from_slice(&digest[..8]);
    let mut state = u64::from_le_bytes(word) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// Reads the control paragraph of a built package.
///
/// # Panics
/// When the file is not a readable package.
pub fn control_paragraph(deb: &Path) -> String {
    succeed(command("dpkg-deb").arg("-f").arg(deb)).trim_end().to_owned()
}

/// Returns the SHA-256 digest of a file's contents and its size.
///
/// # Panics
/// When the file cannot be read.
pub fn digest_of(path: &Path) -> (String, u64) {
    let contents = fs::read(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    (hex(&Sha256::digest(&contents)), contents.len() as u64)
}

/// Writes bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

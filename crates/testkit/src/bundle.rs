//! Bundles built on the spot: an archive, its manifest, and a publisher who signs it.

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::deb::hex;
use crate::ownership::{create_dir, write};

/// A bundle that is being put together.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    entries: Vec<(String, u32, Vec<u8>)>,
}

/// Somebody with a key of their own.
pub struct Publisher {
    keys: minisign::KeyPair,
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher").finish_non_exhaustive()
    }
}

impl Bundle {
    /// A bundle whose `install.sh` is this, after `#!/bin/sh` and `set -eu`.
    pub fn new(script: &str) -> Self {
        Self::default().file("install.sh", 0o755, format!("#!/bin/sh\nset -eu\n{script}\n"))
    }

    /// Adds a file.
    #[must_use]
    pub fn file(mut self, path: &str, mode: u32, content: impl AsRef<[u8]>) -> Self {
        self.entries.push((path.to_owned(), mode, content.as_ref().to_vec()));
        self
    }

    /// Adds `belay.toml`.
    #[must_use]
    pub fn toml(self, text: &str) -> Self {
        self.file("belay.toml", 0o644, text)
    }

    /// Returns it as `.tar.gz`.
    ///
    /// # Panics
    /// When a path does not fit into an archive.
    pub fn gzip(&self) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&self.tar()).expect("memory takes everything");
        encoder.finish().expect("memory takes everything")
    }

    /// Returns it as `.tar.zst`.
    ///
    /// # Panics
    /// When a path does not fit into an archive.
    pub fn zstd(&self) -> Vec<u8> {
        zstd::encode_all(&*self.tar(), 3).expect("memory takes everything")
    }

    /// Writes it as `.tar.gz` into a folder of the ordinary user; returns where.
    pub fn write(&self, folder: &Path, name: &str) -> PathBuf {
        create_dir(folder);
        let path = folder.join(name);
        write(&path, self.gzip());
        path
    }

    /// Returns it as a bare tar archive.
    ///
    /// # Panics
    /// When a path does not fit into an archive.
    pub fn tar(&self) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, mode, content) in &self.entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(*mode);
            header.set_mtime(1_700_000_000);
            builder.append_data(&mut header, path, &**content).expect("the path fits into an archive");
        }
        builder.into_inner().expect("memory takes everything")
    }
}

/// Returns the manifest of an archive, as it is published.
pub fn manifest(archive: &[u8], device_type: &str, distribution: &str, version: &str) -> String {
    format!(
        "{{\"version\":\"{version}\",\"device_type\":\"{device_type}\",\"distribution\":\"{distribution}\",\
         \"archive\":\"update.tar.gz\",\"sha256\":\"{}\",\"size\":{},\"notes\":\"\",\
         \"created_at\":\"2026-11-02T00:00:00Z\"}}",
        digest(archive),
        archive.len()
    )
}

/// Returns the SHA-256 digest in hex.
pub fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

impl Publisher {
    /// Makes a key pair.
    ///
    /// # Panics
    /// When the system has no randomness.
    // Every one is another.
    #[expect(clippy::new_without_default, reason = "a key pair is random; a default value should not be")]
    pub fn new() -> Self {
        Self { keys: minisign::KeyPair::generate_unencrypted_keypair().expect("the system has randomness") }
    }

    /// Returns the content of the public key's file.
    ///
    /// # Panics
    /// Never: the key was just made.
    pub fn public_key(&self) -> String {
        self.keys.pk.to_box().expect("the key was just made").into_string()
    }

    /// Signs a text; returns the content of its `.sig` file.
    ///
    /// # Panics
    /// Never: the key was just made.
    pub fn sign(&self, text: &str) -> String {
        let signed = minisign::sign(Some(&self.keys.pk), &self.keys.sk, text.as_bytes(), None, None);
        signed.expect("the key was just made").into_string()
    }

    /// Pins the public key in a folder.
    pub fn pin(&self, folder: &Path, name: &str) {
        create_dir(folder);
        write(&folder.join(format!("{name}.pub")), self.public_key());
    }
}

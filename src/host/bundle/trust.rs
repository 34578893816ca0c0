//! Who may publish for this device: the pinned keys, and what they vouch for.

mod key;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use belay_protocol::bundle::{Manifest, SignedManifest};
use belay_protocol::{Failure, Reason};
use jiff::Timestamp;
use minisign_verify::{Error, Signature};

use self::key::Key;
use crate::host::disk;

/// The keys that are pinned on the device.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    folder: PathBuf,
    keys: Vec<Key>,
}

/// A manifest that may be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// What it says.
    pub manifest: Manifest,
    /// The name of the key's file that vouches for it; none where no key is pinned and nobody signed.
    pub by: Option<String>,
}

impl Keys {
    /// Reads every `*.pub` in `folder`; none where there is no such folder. A file that cannot be read as a key is an
    /// error: to go on without it would be to trust less than somebody believes, or more. So is a folder or a file that
    /// others than root and this user can write.
    ///
    /// # Errors
    /// `bad_signature`, naming the file.
    pub fn load(folder: &Path) -> Result<Self, Failure> {
        let wrong = |problem: String| Failure::new(Reason::BadSignature, problem);
        let there = disk::absent_is_none(folder.metadata());
        let there =
            there.map_err(|error| wrong(format!("the folder of keys {} cannot be read: {error}", folder.display())))?;
        let Some(metadata) = there else { return Ok(Self::default()) };
        if !metadata.is_dir() {
            return Err(wrong(format!("{} is no folder; keys lie in a folder, as *.pub", folder.display())));
        }
        refuse_writable(folder, &metadata)?;
        let names = disk::names_in(folder).map_err(|failure| wrong(failure.message))?;
        let names = names.iter().filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "pub"));
        let keys: Result<Vec<_>, _> = names.map(|name| Key::load(&folder.join(name))).collect();
        Ok(Self { folder: folder.to_owned(), keys: keys? })
    }

    /// Whether none is pinned: then nothing has to be signed.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The names of the keys' files, in order.
    pub fn names(&self) -> Vec<&str> {
        self.keys.iter().map(|key| key.name.as_str()).collect()
    }

    /// Whether the key of that name is pinned and has not expired.
    pub fn believes(&self, name: &str, now: Timestamp) -> bool {
        self.keys.iter().any(|key| key.name == name && key.is_valid_at(now))
    }

    /// Reads a manifest, after its signature was found to be one of these keys'. Without any key it is only read.
    ///
    /// # Errors
    /// `unsigned`, `bad_signature`, `key_expired`, `bad_manifest`.
    pub fn check(&self, manifest: &SignedManifest, now: Timestamp) -> Result<Vouched, Failure> {
        let by = if self.is_empty() { None } else { Some(self.signer(manifest, now)?) };
        let manifest = Manifest::parse(&manifest.text)
            .map_err(|error| Failure::new(Reason::BadManifest, format!("{error}; publish the release anew")))?;
        Ok(Vouched { manifest, by })
    }

    /// The name of the key that vouches for a manifest's text.
    fn signer(&self, manifest: &SignedManifest, now: Timestamp) -> Result<String, Failure> {
        let folder = self.folder.display();
        let Some(signature) = &manifest.signature else {
            let message = format!(
                "nobody signed this release, and the keys in {folder} are pinned; sign its manifest by \
                 `minisign -Sm manifest.json -x manifest.sig` and publish it again"
            );
            return Err(Failure::new(Reason::Unsigned, message));
        };
        let signature = Signature::decode(signature).map_err(|error| {
            let message = format!("the signature of the manifest is none of minisign's: {error}; sign it again");
            Failure::new(Reason::BadSignature, message)
        })?;
        let mut refusal = self.stranger();
        for key in &self.keys {
            // Signatures of old minisigns go over the text itself and not over its hash; both are safe for a short text.
            match key.public.verify(manifest.text.as_bytes(), &signature, true) {
                Ok(()) if key.is_valid_at(now) => return Ok(key.name.clone()),
                Ok(()) => refusal = self.expired(key),
                Err(Error::UnexpectedKeyId) => {}
                // What is known of an expired key says more than that another one of its number does not fit.
                Err(_) if refusal.reason == Reason::KeyExpired => {}
                Err(_) => refusal = self.altered(key),
            }
        }
        Err(refusal)
    }

    fn stranger(&self) -> Failure {
        let message = format!(
            "the release was signed by a key that is not pinned; in {} there are {}. Sign it by one of these, or put the \
             new key's .pub file there",
            self.folder.display(),
            self.names().join(", ")
        );
        Failure::new(Reason::BadSignature, message)
    }

    fn altered(&self, key: &Key) -> Failure {
        let message = format!(
            "the signature has the number of {}, and does not fit this manifest: the manifest was changed after it was \
             signed, or somebody forged it. Publish manifest.json and manifest.sig exactly as they were signed",
            self.folder.join(&key.name).display()
        );
        Failure::new(Reason::BadSignature, message)
    }

    fn expired(&self, key: &Key) -> Failure {
        let message = format!(
            "the release was signed by {}, which expired on {}; sign it by a key that is valid, or pin a new one",
            self.folder.join(&key.name).display(),
            key.expires.map(|day| day.to_string()).unwrap_or_default()
        );
        Failure::new(Reason::KeyExpired, message)
    }
}

/// Refuses what others than root and this user could have written.
fn refuse_writable(path: &Path, metadata: &std::fs::Metadata) -> Result<(), Failure> {
    let shown = path.display();
    let own = nix::unistd::geteuid().as_raw();
    let problem = if metadata.uid() != 0 && metadata.uid() != own {
        format!("{shown} belongs to user {}; make it root's: chown root {shown}", metadata.uid())
    } else if metadata.mode() & 0o022 != 0 {
        let mode = metadata.mode() & 0o7777;
        format!(
            "{shown} can be written by others (mode {mode:04o}); whoever can write keys can install anything: chmod go-w {shown}"
        )
    } else {
        return Ok(());
    };
    Err(Failure::new(Reason::BadSignature, problem))
}

#[cfg(test)]
mod tests;

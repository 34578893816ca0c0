//! Secrets: 256 random bits as a text that says what it opens and which row to look at. Only a digest of them is kept.
//!
//! The secret part has more entropy than can be searched, so a plain SHA-256 of it is enough. Digests are compared in
//! constant time.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::Digest as _;
use subtle::ConstantTimeEq;

/// What a secret opens; its text begins with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The operator API.
    Operator,
    /// Syncs of one device.
    Device,
    /// Enrolling devices.
    Enrolment,
}

impl Purpose {
    fn prefix(self) -> &'static str {
        match self {
            Self::Operator => "belay_op_",
            Self::Device => "belay_dev_",
            Self::Enrolment => "belay_enrol_",
        }
    }
}

/// A secret that was just made: its text goes to whoever asked for it, its digest into the store.
pub struct Issued {
    /// The text, shown once.
    pub text: String,
    /// What is kept.
    pub digest: Digest,
}

impl Issued {
    /// Makes a secret for the row `id`. Ids have no dot.
    pub fn new(purpose: Purpose, id: &str) -> Self {
        let mut bits = [0; 32];
        getrandom::fill(&mut bits).expect("Linux gives random numbers to everybody");
        let secret = URL_SAFE_NO_PAD.encode(bits);
        Self { text: format!("{}{id}.{secret}", purpose.prefix()), digest: Digest::of(&secret) }
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Issued(…)")
    }
}

/// A secret as somebody shows it: the row that it names, and the digest of what should be known to its owner alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown<'t> {
    /// The row.
    pub id: &'t str,
    /// The digest of the secret part.
    pub digest: Digest,
}

impl<'t> Shown<'t> {
    /// Reads a text; none where it is no secret for this purpose.
    pub fn read(purpose: Purpose, text: &'t str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(purpose.prefix())?.split_once('.')?;
        let is_id = (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        (is_id && secret.len() == SECRET_LENGTH).then(|| Self { id, digest: Digest::of(secret) })
    }
}

/// The digest of a secret. Neither shown nor compared otherwise than in constant time.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a secret, such as the secret part of a text.
    pub fn of(secret: &str) -> Self {
        Self(sha2::Sha256::digest(secret.as_bytes()).into())
    }

    /// Reads it as it is kept.
    pub fn read(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        (URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) == Ok(bytes.len())).then_some(Self(bytes))
    }

    /// As it is kept.
    pub fn to_text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

/// 32 bytes in base64 without padding.
const SECRET_LENGTH: usize = 43;

#[cfg(test)]
mod tests;

//! The token for TCP: read once from its file, compared in constant time.

use std::hint::black_box;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};

/// A token, kept as its digest: the comparison then takes as long for every guess, whatever its length.
#[derive(Debug, Clone)]
pub(super) struct Token([u8; 32]);

/// Why a token file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It cannot be read.
    #[error("control.token_file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Everybody on the device can read or write it.
    #[error("control.token_file {}: everybody on this device can open it; `chmod o= {}`", path.display(), path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// It holds no token.
    #[error(
        "control.token_file {}: one line of at least {SHORTEST} visible characters is needed, \
         such as `openssl rand -hex 32` gives",
        path.display()
    )]
    Unusable {
        /// The file.
        path: PathBuf,
    },
}

/// A shorter token could be guessed.
const SHORTEST: usize = 16;

impl Token {
    pub(super) fn load(path: &Path) -> Result<Self, TokenError> {
        let unreadable = |source| TokenError::Unreadable { path: path.to_owned(), source };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let mode = std::fs::metadata(path).map_err(unreadable)?.permissions().mode();
        if mode & 0o006 != 0 {
            return Err(TokenError::Open { path: path.to_owned() });
        }
        let token = text.trim();
        if token.len() < SHORTEST || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::Unusable { path: path.to_owned() });
        }
        Ok(Self::of(token.as_bytes()))
    }

    pub(super) fn matches(&self, presented: &[u8]) -> bool {
        let presented = Self::of(presented);
        black_box(self.0.iter().zip(&presented.0).fold(0, |differing, (ours, theirs)| differing | (ours ^ theirs))) == 0
    }

    fn of(text: &[u8]) -> Self {
        Self(Sha256::digest(text).into())
    }
}

/// The credential that a request shows, whatever it is; none where it shows none.
pub(super) fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    match value.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => Some(token.trim_ascii()),
        _ => Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        crate::durable::write_atomic(&path, text.as_bytes(), mode).unwrap();
        (folder, path)
    }

    #[test]
    fn a_token_matches_itself_and_nothing_else() {
        let (_folder, path) = write("0123456789abcdef\n", 0o640);
        let token = Token::load(&path).unwrap();
        assert!(token.matches(b"0123456789abcdef"));
        for wrong in ["", "0123456789abcde", "0123456789abcdeF", "0123456789abcdef0"] {
            assert!(!token.matches(wrong.as_bytes()), "{wrong:?}");
        }
    }

    #[test]
    fn a_file_that_everybody_can_open_or_that_holds_no_token_is_refused() {
        for (text, mode, said) in [
            ("0123456789abcdef", 0o644, "everybody on this device can open it"),
            ("0123456789abcdef", 0o642, "everybody on this device can open it"),
            ("short", 0o600, "at least 16 visible characters"),
            ("", 0o600, "at least 16 visible characters"),
            ("0123456789abcdef\nsecond line of it", 0o600, "one line"),
        ] {
            let (_folder, path) = write(text, mode);
            let error = Token::load(&path).unwrap_err().to_string();
            assert!(error.contains(said), "{text:?} {mode:o}: {error}");
        }
        let error = Token::load(Path::new("/nowhere/token")).unwrap_err().to_string();
        assert_eq!(error, "control.token_file /nowhere/token: No such file or directory (os error 2)");
    }

    #[test]
    fn the_scheme_is_read_in_any_case_and_another_scheme_is_a_wrong_token() {
        let read = |value: &str| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
            presented(&headers).map(<[u8]>::to_vec)
        };
        assert_eq!(read("Bearer abc").as_deref(), Some(&b"abc"[..]));
        assert_eq!(read("bEARER  abc ").as_deref(), Some(&b"abc"[..]));
        assert_eq!(read("Basic abc").as_deref(), Some(&b"Basic abc"[..]));
        assert_eq!(read("é").as_deref(), Some("é".as_bytes()));
        assert_eq!(presented(&HeaderMap::new()), None);
    }
}

//! Keys and signatures in minisign's format, which `minisign` itself reads and writes too.

use std::fs::File;
use std::io::{Cursor, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use minisign::{KeyPair, PError, PublicKeyBox, SecretKey, SecretKeyBox, SignatureBox};

use crate::error::CtlError;

/// Makes a pair of keys in `NAME.key` and `NAME.pub`, both of them new.
pub(crate) fn generate(name: &Path, no_password: bool) -> Result<(PathBuf, PathBuf), CtlError> {
    let (secret, public) = (beside(name, "key"), beside(name, "pub"));
    let pair = if no_password {
        KeyPair::generate_unencrypted_keypair()
    } else {
        let password = password(true)?;
        KeyPair::generate_encrypted_keypair(Some(password))
    };
    let pair = pair.map_err(|error| failed(&secret, &error))?;
    let text = pair.sk.to_box(None).map_err(|error| failed(&secret, &error))?.into_string();
    write_new(&secret, &text, 0o600)?;
    let text = pair.pk.to_box().map_err(|error| failed(&public, &error))?.into_string();
    write_new(&public, &text, 0o644)?;
    Ok((secret, public))
}

/// The signature of a text by the key in this file; `name` is what the signature calls it.
pub(crate) fn sign(key: &Path, text: &str, name: &str) -> Result<String, CtlError> {
    let secret = secret_key(key)?;
    let comment = format!("file:{name}");
    let signed = minisign::sign(None, &secret, Cursor::new(text), Some(&comment), Some("signed with belayctl"));
    Ok(signed.map_err(|error| failed(key, &error))?.into_string())
}

/// Whether the key in this file signed a text.
pub(crate) fn verify(key: &Path, text: &str, signature: &Path) -> Result<(), CtlError> {
    verify_text(key, text, &read(signature)?, signature)
}

/// The same, where the signature is at hand; `shown` is what messages call it.
pub(crate) fn verify_text(key: &Path, text: &str, signature: &str, shown: &Path) -> Result<(), CtlError> {
    let public = PublicKeyBox::from_string(&read(key)?).and_then(PublicKeyBox::into_public_key);
    let public = public.map_err(|error| failed(key, &error))?;
    let signed = SignatureBox::from_string(signature).map_err(|error| failed(shown, &error))?;
    minisign::verify(&public, &signed, Cursor::new(text), true, false, true).map_err(|_| CtlError::Key {
        path: shown.to_owned(),
        problem: format!("{} did not sign this: the text was changed since, or another key signed it", key.display()),
    })
}

/// The number of the key that made a signature; none where it is none.
pub(crate) fn key_of(signature: &str) -> Option<[u8; 8]> {
    let signature = SignatureBox::from_string(signature).ok()?;
    signature.keynum().try_into().ok()
}

/// Where the signature of a file is, where nobody says: `manifest.sig` for `manifest.json`.
pub(crate) fn signature_of(file: &Path) -> PathBuf {
    file.with_extension("sig")
}

/// Refuses a key that cannot sign, for whoever signs only later.
pub(crate) fn try_key(key: &Path) -> Result<(), CtlError> {
    sign(key, "", "nothing").map(|_| ())
}

/// Reads a text.
pub(crate) fn read(path: &Path) -> Result<String, CtlError> {
    std::fs::read_to_string(path).map_err(|source| CtlError::File { path: path.to_owned(), source })
}

fn secret_key(path: &Path) -> Result<SecretKey, CtlError> {
    let text = read(path)?;
    let locked = SecretKeyBox::from_string(&text).map_err(|error| failed(path, &error))?;
    if let Ok(open) = locked.into_unencrypted_secret_key() {
        return Ok(open);
    }
    let locked = SecretKeyBox::from_string(&text).map_err(|error| failed(path, &error))?;
    locked.into_secret_key(Some(password(false)?)).map_err(|error| failed(path, &error))
}

fn password(twice: bool) -> Result<String, CtlError> {
    if let Ok(password) = std::env::var("BELAY_KEY_PASSWORD") {
        return Ok(password);
    }
    let ask = |prompt| {
        rpassword::prompt_password(prompt).map_err(|error| {
            let message = "the key needs a password: set BELAY_KEY_PASSWORD, or ask from a terminal";
            CtlError::Usage(format!("{message} ({error})"))
        })
    };
    let password = ask("Password of the key: ")?;
    if twice && ask("Once more: ")? != password {
        return Err(CtlError::Usage("the two passwords differ; nothing was written".to_owned()));
    }
    if password.is_empty() {
        return Err(CtlError::Usage("the password is empty; mean it with --no-password".to_owned()));
    }
    Ok(password)
}

fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), CtlError> {
    let file = File::options().write(true).create_new(true).mode(mode).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|source| CtlError::Write { path: path.to_owned(), source })
}

/// `NAME.key` for `NAME`, also where the name has a dot.
fn beside(name: &Path, extension: &str) -> PathBuf {
    let mut path = name.as_os_str().to_owned();
    path.push(".");
    path.push(extension);
    path.into()
}

fn failed(path: &Path, error: &PError) -> CtlError {
    CtlError::Key { path: path.to_owned(), problem: error.to_string() }
}

#[cfg(test)]
mod tests;

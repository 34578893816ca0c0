//! `belayctl key …`

use std::path::PathBuf;

use serde::Serialize;
use utoipa::ToSchema;

use crate::arguments::Key;
use crate::error::CtlError;
use crate::files::Fresh;
use crate::output::Output;
use crate::signing;

/// What `key generate` answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyPair {
    /// The file with the key that signs.
    #[schema(value_type = String)]
    pub(crate) secret: PathBuf,
    /// The file with the key that devices trust.
    #[schema(value_type = String)]
    pub(crate) public: PathBuf,
}

/// What `key sign` answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignatureFile {
    /// The file with the signature.
    #[schema(value_type = String)]
    pub(crate) signature: PathBuf,
}

/// What `key verify` answers where the key signed it; else it refuses.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignatureGood {
    /// True.
    pub(crate) valid: bool,
}

pub(super) fn run(output: &Output, verb: Key) -> Result<(), CtlError> {
    match verb {
        Key::Generate { name, no_password } => {
            let (secret, public) = signing::generate(&name, no_password)?;
            output.answer(&KeyPair { secret, public }, |keys, _| {
                format!(
                    "{} signs: keep it away from devices and from this server\n{} goes to /etc/belay/keys/ on devices",
                    keys.secret.display(),
                    keys.public.display()
                )
            });
        }
        Key::Sign { manifest, key, signature, force } => {
            let signature = signature.unwrap_or_else(|| signing::signature_of(&manifest));
            let name = manifest.file_name().unwrap_or_default().to_string_lossy();
            let signed = signing::sign(&key, &signing::read(&manifest)?, &name)?;
            Fresh::text(&signature, &signed, force).write()?;
            output.answer(&SignatureFile { signature }, |file, _| format!("{} is written", file.signature.display()));
        }
        Key::Verify { manifest, key, signature } => {
            let signature = signature.unwrap_or_else(|| signing::signature_of(&manifest));
            signing::verify(&key, &signing::read(&manifest)?, &signature)?;
            output
                .answer(&SignatureGood { valid: true }, |_, _| format!("{} is signed by this key", manifest.display()));
        }
    }
    Ok(())
}

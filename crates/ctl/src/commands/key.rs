//! `belayctl key …`

use serde_json::json;

use crate::arguments::Key;
use crate::error::CtlError;
use crate::output::Output;
use crate::signing;

pub(super) fn run(output: &Output, verb: Key) -> Result<(), CtlError> {
    match verb {
        Key::Generate { name, no_password } => {
            let (secret, public) = signing::generate(&name, no_password)?;
            output.answer(&json!({"secret": secret, "public": public}), |_, _| {
                format!(
                    "{} signs: keep it away from devices and from this server\n{} goes to /etc/belay/keys/ on devices",
                    secret.display(),
                    public.display()
                )
            });
        }
        Key::Sign { manifest, key, signature } => {
            let signature = signature.unwrap_or_else(|| signing::signature_of(&manifest));
            let name = manifest.file_name().unwrap_or_default().to_string_lossy();
            let signed = signing::sign(&key, &signing::read(&manifest)?, &name)?;
            signing::write(&signature, &signed)?;
            output.answer(&json!({"signature": signature}), |_, _| format!("{} is written", signature.display()));
        }
        Key::Verify { manifest, key, signature } => {
            let signature = signature.unwrap_or_else(|| signing::signature_of(&manifest));
            signing::verify(&key, &signing::read(&manifest)?, &signature)?;
            output.answer(&json!({"valid": true}), |_, _| format!("{} is signed by this key", manifest.display()));
        }
    }
    Ok(())
}

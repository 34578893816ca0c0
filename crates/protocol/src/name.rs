//! Names that server and devices agree on: devices, deployments, device types, distributions, tags.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is no such name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {what}: {rule}")]
pub struct NameError {
    text: String,
    what: &'static str,
    rule: &'static str,
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $valid:expr;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
            #[cfg_attr(feature = "admin", derive(utoipa::ToSchema), schema(value_type = String))]
            #[serde(try_from = "String", into = "String")]
            pub struct $name(String);

            impl $name {
                /// The text as it was written.
                pub fn as_str(&self) -> &str {
                    &self.0
                }
            }

            impl FromStr for $name {
                type Err = NameError;

                fn from_str(text: &str) -> Result<Self, NameError> {
                    let valid: fn(&str) -> bool = $valid;
                    if valid(text) {
                        Ok(Self(text.to_owned()))
                    } else {
                        Err(NameError { text: text.to_owned(), what: $what, rule: $rule })
                    }
                }
            }

            impl TryFrom<String> for $name {
                type Error = NameError;

                fn try_from(text: String) -> Result<Self, NameError> {
                    text.parse()
                }
            }

            impl From<$name> for String {
                fn from(value: $name) -> Self {
                    value.0
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.pad(&self.0)
                }
            }
        )*
    };
}

names! {
    /// A device as the server knows it. Given at enrolment, never used twice.
    DeviceId, "device", "1 to 64 of A-Z a-z 0-9 _ and -", |text| is_id(text);
    /// A campaign that brings a release to devices. Given by the server, never used twice.
    DeploymentId, "deployment", "1 to 64 of A-Z a-z 0-9 _ and -", |text| is_id(text);
    /// What kind of device it is, such as `raspberry_pi`.
    DeviceType, "device type", "1 to 128 of A-Z a-z 0-9 . _ and -, not . or ..", |text| is_label(text, 128);
    /// A ring of devices that get the same releases, such as `alpha` or `232`.
    Distribution, "distribution", "1 to 128 of A-Z a-z 0-9 . _ and -, not . or ..", |text| is_label(text, 128);
    /// A word that operators put on devices to select them, such as `site:paris`.
    Tag, "tag", "1 to 64 of A-Z a-z 0-9 . _ : and -",
        |text| is_made_of(text, 64, |byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte));
}

fn is_id(text: &str) -> bool {
    is_made_of(text, 64, |byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// Whether a text can stand as one part of a path: what is published lies in folders of these names.
pub(crate) fn is_label(text: &str, longest: usize) -> bool {
    is_made_of(text, longest, |byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && text != "."
        && text != ".."
}

fn is_made_of(text: &str, longest: usize, allowed: fn(u8) -> bool) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests;

//! What both programs' files have in common: tables whose every setting has a default, and the level of the log.

use serde::{Deserialize, Serialize};

/// Makes the tables of a settings file: unknown settings are refused, missing ones have their default.
#[macro_export]
macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident { $($field:ident: $type:ty = $default:expr,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            #[serde(deny_unknown_fields, default)]
            pub(super) struct $table {
                $(pub(super) $field: $type,)*
            }

            impl Default for $table {
                fn default() -> Self {
                    Self { $($field: $default,)* }
                }
            }
        )*
    };
}

/// Makes the words that a setting can be.
#[macro_export]
macro_rules! words {
    ($($name:ident { $($word:ident,)* })*) => {
        $(
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
            #[serde(rename_all = "snake_case")]
            pub(super) enum $name {
                $($word,)*
            }
        )*
    };
}

/// What is logged: this and everything more severe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A person must act.
    Error,
    /// Worse than it should be; it will be tried again.
    Warn,
    /// A change of state.
    Info,
    /// Why.
    Debug,
    /// Following along.
    Trace,
}

impl From<Level> for tracing::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

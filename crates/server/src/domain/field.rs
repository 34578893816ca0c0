//! What is wrong with one field of what was asked for.

/// A field that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct FieldError {
    /// The field with its path, as the request spells it.
    pub field: &'static str,
    /// The sentence that says what to write instead.
    pub message: String,
}

impl FieldError {
    /// Puts a field and its sentence together.
    pub fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }
}

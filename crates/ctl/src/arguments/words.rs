//! What was given, as words to be given again.

use super::Connection;

/// Words of a command line.
#[derive(Debug, Default)]
pub(super) struct Words(pub(super) Vec<String>);

impl Words {
    /// An option with each of its values.
    pub(super) fn option(&mut self, name: &str, values: impl IntoIterator<Item = String>) {
        self.0.extend(values.into_iter().flat_map(|value| [name.to_owned(), value]));
    }

    /// An option without one.
    pub(super) fn flag(&mut self, name: &str, is_given: bool) {
        self.0.extend(is_given.then(|| name.to_owned()));
    }
}

impl Connection {
    /// The options as they were given.
    pub(crate) fn options(&self) -> Vec<String> {
        let Self { server, profile, token_file, ca_file, plain_http } = self;
        let mut words = Words::default();
        words.option("--server", server.clone());
        words.option("--profile", profile.clone());
        words.option("--token-file", token_file.as_ref().map(|path| path.display().to_string()));
        words.option("--ca-file", ca_file.as_ref().map(|path| path.display().to_string()));
        words.flag("--plain-http", *plain_http);
        words.0
    }
}

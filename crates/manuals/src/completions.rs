//! What shells complete after a program's name.

use clap::Command;
use clap_complete::Shell;

use crate::program::Program;

/// The script of one shell.
#[derive(Debug)]
pub(crate) struct Completion {
    /// The name under which the shell finds it.
    pub(crate) file: String,
    pub(crate) script: Vec<u8>,
}

/// The scripts of the shells that Debian's users have.
pub(crate) fn of(program: &Program) -> [Completion; 3] {
    let name = program.name;
    let files =
        [(Shell::Bash, name.to_owned()), (Shell::Zsh, format!("_{name}")), (Shell::Fish, format!("{name}.fish"))];
    files.map(|(shell, file)| {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut without_hidden(&program.command), name, &mut script);
        Completion { file, script }
    })
}

/// The command without what only Belay itself calls.
fn without_hidden(command: &Command) -> Command {
    let shown = command.get_subcommands().filter(|below| !below.is_hide_set()).map(without_hidden);
    let shown: Vec<Command> = shown.collect();
    let mut bare = Command::new(forever(command.get_name())).args(command.get_arguments().cloned()).subcommands(shown);
    if let Some(about) = command.get_about() {
        bare = bare.about(about.clone());
    }
    if let Some(version) = command.get_version() {
        bare = bare.version(forever(version));
    }
    bare
}

/// A command's own words must live as long as the program, which here ends soon.
fn forever(word: &str) -> &'static str {
    Box::leak(word.to_owned().into_boxed_str())
}

#[cfg(test)]
mod tests;

//! Writes man pages, shell completions and the schema of belayctl's answers into a folder: `manuals FOLDER`. Packages are
//! made of it.
//!
//! What a program understands is asked of its own definition, so that no page can tell of something else.

mod completions;
mod page;
mod program;
mod settings;

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use flate2::{Compression, GzBuilder};

use crate::program::Program;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(folder), None) = (arguments.next(), arguments.next()) else {
        return complain("usage: manuals FOLDER");
    };
    match write_all(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("cannot write into {}: {error}", folder.display())),
    }
}

fn write_all(folder: &Path) -> io::Result<()> {
    for kind in ["man", "completions"] {
        std::fs::create_dir_all(folder.join(kind))?;
    }
    for program in program::all() {
        write_program(folder, &program)?;
    }
    let mut schema = File::create(folder.join("answers.schema.json"))?;
    serde_json::to_writer_pretty(&mut schema, &belayctl::schema())?;
    schema.write_all(b"\n")
}

fn write_program(folder: &Path, program: &Program) -> io::Result<()> {
    compressed(&folder.join(format!("man/{}.1.gz", program.name)), &page::of(program))?;
    if let Some(file) = &program.settings {
        let page = settings::page(file);
        compressed(&folder.join(format!("man/{}.5.gz", file.page)), &page)?;
    }
    for completion in completions::of(program) {
        let mut file = File::create(folder.join("completions").join(completion.file))?;
        file.write_all(&completion.script)?;
    }
    Ok(())
}

/// As Debian wants man pages: small, and the same bytes at each build, so without name and time.
fn compressed(path: &Path, text: &str) -> io::Result<()> {
    let mut packed = GzBuilder::new().mtime(0).write(File::create(path)?, Compression::best());
    packed.write_all(text.as_bytes())?;
    packed.finish()?.flush()
}

#[expect(clippy::print_stderr, reason = "a tool that people call")]
fn complain(text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::FAILURE
}

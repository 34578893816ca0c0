//! What to install, as the command line names it: a file, standard input, or packages.

use std::io::Read;
use std::path::{Path, PathBuf};

use belay_protocol::{ListError, PackageList, ParseError};

/// Why the packages on the command line cannot be sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum WhatError {
    #[error("{0}: there is no such file, and no package has a name like that")]
    Missing(String),
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}: {source}", path.display())]
    List { path: PathBuf, source: ListError },
    #[error(transparent)]
    Package(ParseError),
}

/// The lines that the arguments stand for: of a file where there is one argument and that exists or is `-`.
pub(super) fn lines(what: &[String], input: &mut impl Read) -> Result<Vec<String>, WhatError> {
    match what {
        [only] if only == "-" => list(Path::new("standard input"), &mut *input),
        [only] if Path::new(only).is_file() => {
            let path = Path::new(only);
            let unreadable = |source| WhatError::Unreadable { path: path.to_owned(), source };
            list(path, &mut std::fs::File::open(path).map_err(unreadable)?)
        }
        [only] if only.contains('/') => Err(WhatError::Missing(only.clone())),
        packages => {
            for package in packages {
                package.parse::<belay_protocol::PackageSpec>().map_err(WhatError::Package)?;
            }
            Ok(packages.to_vec())
        }
    }
}

/// The lines are sent as they stand in the file, so that the agent counts them as the file does; they are parsed here
/// as well, so that a mistake is shown with the file's name.
fn list(path: &Path, source: &mut impl Read) -> Result<Vec<String>, WhatError> {
    let mut text = String::new();
    source.read_to_string(&mut text).map_err(|source| WhatError::Unreadable { path: path.to_owned(), source })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    text.parse::<PackageList>().map_err(|source| WhatError::List { path: path.to_owned(), source })?;
    Ok(text.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(what: &[&str], input: &str) -> Result<Vec<String>, String> {
        let what: Vec<String> = what.iter().map(|text| (*text).to_owned()).collect();
        lines(&what, &mut input.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn one_existing_file_or_a_dash_is_a_list_and_all_else_is_packages() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.txt");
        crate::durable::write_atomic(&path, b"\xef\xbb\xbfdemo-app\r\n# why\r\nother=1.0\r\n", 0o644).unwrap();
        let file = path.to_str().unwrap();
        assert_eq!(read(&[file], "").unwrap(), ["demo-app", "# why", "other=1.0"]);
        assert_eq!(read(&["-"], "demo-app\n").unwrap(), ["demo-app"]);
        assert_eq!(read(&["demo-app", "other=1.0"], "").unwrap(), ["demo-app", "other=1.0"]);
        assert!(read(&[file, "demo-app"], "").is_err());
    }

    #[test]
    fn a_mistake_is_shown_with_its_place() {
        insta::assert_snapshot!(read(&["./list.txt"], "").unwrap_err(), @r"./list.txt: there is no such file, and no package has a name like that");
        insta::assert_snapshot!(read(&["-"], "demo-app\n-oX=1\n").unwrap_err(), @r#"standard input: line 2: "-oX" is no package name: at least two of a-z 0-9 + - . beginning with a letter or digit, not ending with -"#);
        insta::assert_snapshot!(read(&["demo-app", "-oX"], "").unwrap_err(), @r#""-oX" is no package name: at least two of a-z 0-9 + - . beginning with a letter or digit, not ending with -"#);
        let latin: &[u8] = b"caf\xe9";
        let error = lines(&["-".to_owned()], &mut &*latin).unwrap_err().to_string();
        insta::assert_snapshot!(error, @r"cannot read standard input: stream did not contain valid UTF-8");
    }
}

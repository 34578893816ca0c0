//! What the chooser is shown of a real folder.

use std::os::unix::fs::symlink;
use std::path::Path;

use super::look;
use crate::ui::app::Event;

#[test]
fn a_folder_shows_folders_and_text_in_order_and_counts_the_rest() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let place = |name: &str| folder.path().join(name);
    for name in ["z", "a"] {
        std::fs::create_dir(place(name)).expect("a folder can be made");
    }
    let cut = "ä".repeat(2_000);
    let cut = format!("x{cut}");
    for (name, content) in [
        ("web.txt", b"nginx\n".as_slice()),
        ("empty", b""),
        ("cut", cut.as_bytes()),
        ("image", b"\x89PNG\r\n\x1a\n\0\0"),
        ("latin", b"caf\xe9\n"),
        (".hidden", b"nginx\n"),
    ] {
        write(&place(name), content);
    }
    symlink("a", place("link")).expect("a link can be made");
    symlink("nowhere", place("dangling")).expect("a link can be made");
    let Event::Folder(Ok(found)) = look(folder.path()) else { panic!("it is a folder") };
    assert_eq!(found.folders, ["a", "link", "z"]);
    assert_eq!(found.files, ["cut", "empty", "web.txt"]);
    assert_eq!(found.omitted, 2);
}

#[test]
fn a_file_is_read_if_it_is_text_of_a_size_that_a_list_can_have() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for (name, content, expected) in [
        ("list", b"nginx\n".to_vec(), Ok("nginx\n".to_owned())),
        ("large", vec![b'a'; 1_000_001], Err("is larger than 1 MB: this is no package list".to_owned())),
        ("image", vec![0xff, 0xfe], Err("is no text: this is no package list".to_owned())),
    ] {
        let path = folder.path().join(name);
        write(&path, &content);
        assert_eq!(look(&path), Event::File(path, expected));
    }
}

#[test]
fn what_cannot_be_opened_is_told() {
    let Event::Folder(Err(problem)) = look(Path::new("/nowhere/at/all")) else { panic!("there is none") };
    assert!(problem.starts_with("cannot open /nowhere/at/all: "), "{problem}");
    let Event::Folder(Err(problem)) = look(Path::new("/dev/null")) else { panic!("it is no list") };
    assert_eq!(problem, "/dev/null is neither a folder nor a file");
}

#[expect(clippy::disallowed_methods, reason = "nothing of a test's outlives the power")]
fn write(path: &Path, content: &[u8]) {
    std::fs::write(path, content).expect("a file can be written");
}

use super::*;

#[test]
fn what_arrives_is_not_written_through_a_symbolic_link() {
    let folder = tempfile::tempdir().unwrap();
    let (to, part, precious) =
        (folder.path().join("got"), folder.path().join("got.part"), folder.path().join("precious"));
    for target in [&precious, &folder.path().join("not-there")] {
        File::create(&precious).unwrap().write_all(b"mine").unwrap();
        std::os::unix::fs::symlink(target, &part).unwrap();
        let refused = Part::open(&to).map(|_| ()).unwrap_err().to_string();
        let path = part.display();
        assert_eq!(
            refused,
            format!("failed to write {path}: it is a symbolic link, and what it points to stays; remove it")
        );
        assert_eq!(std::fs::read(&precious).unwrap(), b"mine");
        assert!(!folder.path().join("not-there").exists() && part.is_symlink());
        std::fs::remove_file(&part).unwrap();
    }
    Part::open(&to).unwrap();
}

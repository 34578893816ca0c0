use super::*;

#[test]
fn the_exit_code_says_whether_a_person_must_look() {
    use Outcome::{Done, NeedsAttention, Refused, Silent, Undone, Unreachable};
    for (outcomes, expected) in [
        (vec![Done, Done], Exit::Done),
        (vec![Done, Refused], Exit::NotDeployed),
        (vec![Refused, Refused], Exit::Refused),
        (vec![Unreachable, Unreachable], Exit::Unreachable),
        (vec![Unreachable, Undone], Exit::NotDeployed),
        (vec![Done, Unreachable, NeedsAttention], Exit::NeedsAttention),
        (vec![Done, Silent], Exit::NeedsAttention),
    ] {
        assert_eq!(exit(&outcomes), expected, "{outcomes:?}");
    }
}

#[test]
fn a_list_is_read_as_the_agents_command_line_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tools.txt");
    files::replace(&path, "\u{feff}demo-app\r\n# why\r\nother=1.0\r\n", 0o644).unwrap();
    let path = path.to_str().unwrap().to_owned();
    let (name, list) = read_list(std::slice::from_ref(&path)).unwrap();
    assert_eq!((name.as_str(), list.specs().len()), ("tools.txt", 2));
    let (name, list) = read_list(&["demo-app".to_owned(), "other".to_owned()]).unwrap();
    assert_eq!((name.as_str(), list.specs().len()), ("list.txt", 2));

    files::replace(Path::new(&path), "demo-app\n-oX=1\n", 0o644).unwrap();
    let message = read_list(std::slice::from_ref(&path)).unwrap_err().to_string();
    assert!(message.starts_with(&format!("{path}: line 2: ")), "{message}");
    let message = read_list(&["./none.txt".to_owned()]).unwrap_err().to_string();
    assert_eq!(message, "./none.txt: there is no such file, and no package has a name like that");
}

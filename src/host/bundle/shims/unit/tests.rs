use super::*;

#[test]
fn names_are_told_from_what_is_none() {
    for name in ["app", "app@1.service", "var-lib-demo\\x2ddata.mount", "a*", "/mnt/data", "a_b:c.timer"] {
        assert!(is_valid(name), "{name}");
    }
    for name in ["", "-x", "a b", "a;b", "$(x)", "a\nb", &"a".repeat(256)] {
        assert!(!is_valid(name), "{name}");
    }
}

#[test]
fn names_get_their_kind() {
    for (name, full_name) in [
        ("app", "app.service"),
        ("app.timer", "app.timer"),
        ("app@1", "app@1.service"),
        ("app.v2", "app.v2.service"),
        ("/mnt/my-data/", "mnt-my\\x2ddata.mount"),
        ("/", "-.mount"),
        ("app*", "app*"),
    ] {
        assert_eq!(full(name), full_name);
    }
}

#[test]
fn belays_own_units_are_known_even_behind_a_pattern() {
    for (name, own) in
        [("belay-host.service", true), ("b*", true), ("*", true), ("belay-*", true), ("belayer", false), ("c*", false)]
    {
        assert_eq!(is_own(name), own, "{name}");
    }
}

#[test]
fn files_of_units_are_found_by_systemds_order() {
    let root = tempfile::tempdir().unwrap();
    let put = |path: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::File::create(&path).unwrap();
        path
    };
    put("usr/lib/systemd/system/app.service");
    let local = put("etc/systemd/system/app.service");
    let template = put("lib/systemd/system/get@.service");
    put("usr/lib/systemd/system/app.service.d/10.conf");
    let first = put("etc/systemd/system/app.service.d/10.conf");
    let second = put("usr/lib/systemd/system/app.service.d/20.conf");
    put("etc/init.d/old");
    assert_eq!(file(root.path(), "app"), Some(local));
    assert_eq!(file(root.path(), "get@tty1"), Some(template));
    assert_eq!(drop_ins(root.path(), "app"), [first, second]);
    assert!(has_file(root.path(), "old") && has_file(root.path(), "old.service"));
    assert!(!has_file(root.path(), "new"));
}

use proptest::prelude::*;

use super::*;

#[test]
fn a_list_is_read_in_its_order_without_comments_and_blank_lines() {
    let list =
        list("# the camera\r\ncamera-app=2.33.06\r\n\r\n  libdemo:armhf=1:2.0~rc1+b1  # pinned\r\n\tzlib1g\n#end");
    let shown: Vec<String> = list.specs().iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["camera-app=2.33.06", "libdemo:armhf=1:2.0~rc1+b1", "zlib1g"]);
    assert!(list.names(&"libdemo:armhf".parse().unwrap()));
    assert!(!list.names(&"libdemo".parse().unwrap()));
}

#[test]
fn nothing_asked_for_is_an_empty_list() {
    for text in ["", "\n", "\r\n\r\n", "# only words", "   \t "] {
        assert!(list(text).is_empty(), "{text:?}");
    }
}

#[test]
fn a_line_that_is_no_package_is_refused_with_its_number() {
    let name = |text: &str| ParseError::Name(text.to_owned());
    let version = |text: &str| ParseError::Version(text.to_owned());
    let architecture = |text: &str| ParseError::Architecture(text.to_owned());
    for (line, source) in [
        ("-oDPkg::Pre-Invoke::=reboot", name("-oDPkg")),
        ("-y", name("-y")),
        ("--allow-unauthenticated", name("--allow-unauthenticated")),
        ("demo-app;reboot", name("demo-app;reboot")),
        ("demo-app dep", name("demo-app dep")),
        ("demo-app =1.0", name("demo-app ")),
        ("demo-app= 1.0", version(" 1.0")),
        ("Demo-App", name("Demo-App")),
        ("demo-app/stable", name("demo-app/stable")),
        ("demo-app-", name("demo-app-")),
        ("demo*", name("demo*")),
        ("$(reboot)", name("$(reboot)")),
        ("./demo.deb", name("./demo.deb")),
        ("a=b=c", name("a")),
        ("ab=b=c", version("b=c")),
        ("ab=1=2", version("1=2")),
        ("ab=", version("")),
        ("=1.0", name("")),
        ("ab:", architecture("")),
        ("ab:armhf-", architecture("armhf-")),
        ("ab=1.0-", version("1.0-")),
        ("ab:arm64:x", architecture("arm64:x")),
        (":arm64", name("")),
        ("ab\rcd", name("ab\rcd")),
        ("ab\u{a0}", name("ab\u{a0}")),
        ("\u{feff}ab", name("\u{feff}ab")),
    ] {
        let error = format!("good-one\n\n{line}").parse::<PackageList>();
        assert_eq!(error, Err(ListError::Line { line: 3, source }), "{line:?}");
    }
}

#[test]
fn a_package_named_twice_alike_counts_once_and_with_another_version_is_refused() {
    assert_eq!(list("ab=1\ncd\nab=1"), list("ab=1\ncd"));
    for second in ["ab=2", "ab", "ab=1.0"] {
        let error = format!("ab=1\n{second}").parse::<PackageList>();
        assert_eq!(error, Err(ListError::Conflict { line: 2, package: "ab".parse().unwrap() }));
    }
    assert_eq!(list("ab=1\nab:armhf=2").specs().len(), 2);
}

#[test]
fn a_list_has_at_most_five_thousand_lines() {
    let lines = |count: usize| (0..count).map(|n| format!("demo-{n}\n")).collect::<String>();
    assert_eq!(list(&lines(MAX_LINES)).specs().len(), 5_000);
    for count in [5_001, 10_000] {
        assert_eq!(lines(count).parse::<PackageList>(), Err(ListError::TooLong { line: 5_001 }));
    }
    assert_eq!("\n".repeat(5_001).parse::<PackageList>(), Err(ListError::TooLong { line: 5_001 }), "blank lines count");
}

#[test]
fn an_error_says_where_and_what() {
    let message = |text: &str| text.parse::<PackageList>().map_err(|error| (error.line(), error.to_string()));
    assert_eq!(
        message("ab\n-y"),
        Err((2, "line 2: \"-y\" is no package name: at least two of a-z 0-9 + - . beginning with a letter or digit, not ending with -"
            .to_owned()))
    );
    assert_eq!(message("ab=1\nab=2"), Err((2, "line 2: ab was named before with another version".to_owned())));
    assert_eq!(message(&"\n".repeat(6_000)), Err((5_001, "line 5001: a list has at most 5000 lines".to_owned())));
}

#[test]
fn a_list_in_json_is_held_to_the_same_rules() {
    let good: PackageList = serde_json::from_str(r#"["ab=1","cd:armhf","ab=1"]"#).unwrap();
    assert_eq!(good, list("ab=1\ncd:armhf"));
    assert_eq!(serde_json::to_string(&good).unwrap(), r#"["ab=1","cd:armhf"]"#);
    let long = serde_json::to_string(&(0..5_001).map(|n| format!("demo-{n}")).collect::<Vec<_>>()).unwrap();
    for bad in [r#"["-y"]"#, r#"["ab=1","ab=2"]"#, r#"["ab\ncd"]"#, r#"[""]"#, r#""ab""#, "[1]", long.as_str()] {
        assert!(serde_json::from_str::<PackageList>(bad).is_err(), "{:.40}", bad);
    }
}

#[test]
fn a_device_drops_its_own_architecture_from_a_list() {
    let native = "arm64".parse().unwrap();
    assert_eq!(list("ab:arm64=1\nab=1\ncd:armhf\nef:all").on(&native), Ok(list("ab=1\ncd:armhf\nef")));
    assert_eq!(list("ab:arm64=1\nab=2").on(&native), Err("ab".parse().unwrap()));
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "(.|[\r\n#=:-]){0,200}") {
        let _ = text.parse::<PackageList>();
        let _ = text.parse::<PackageSpec>();
    }

    #[test]
    fn nothing_accepted_looks_like_an_option_or_a_shell_word(text in "[-a-zA-Z0-9+.:=;~ $*/\t]{0,24}") {
        if let Ok(spec) = text.parse::<PackageSpec>() {
            let shown = spec.to_string();
            prop_assert!(shown.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit()));
            prop_assert!(!shown.ends_with('-'), "apt reads that as an order to remove");
            prop_assert!(!shown.contains([' ', ';', '$', '*', '/', '\t', '\n']));
        }
    }

    #[test]
    fn what_is_accepted_prints_back_to_itself(
        text in "[a-z0-9][a-z0-9+.-]{0,12}[a-z0-9+.](:[a-z][a-z0-9-]{0,7}[a-z0-9])?(=([0-9]:)?[0-9][0-9A-Za-z.+~]{0,6}(-[0-9a-z.+~]{1,3})?)?",
    ) {
        let spec: PackageSpec = text.parse().unwrap();
        prop_assert_eq!(spec.to_string(), text.as_str());
        let json = serde_json::to_string(&spec).unwrap();
        prop_assert_eq!(serde_json::from_str::<PackageSpec>(&json).unwrap(), spec);
    }
}

fn list(text: &str) -> PackageList {
    text.parse().unwrap()
}

#[test]
fn a_file_of_another_system_is_the_same_list() {
    let list: PackageList = "\u{feff}demo-app\r\nother=1.0\r\n".parse().unwrap();
    assert_eq!(list.specs().len(), 2);
    let wrong = "demo-app\n\u{feff}other\n".parse::<PackageList>();
    assert!(wrong.is_err(), "{wrong:?}");
}

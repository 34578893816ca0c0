use std::cmp::Ordering;
use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;

#[test]
fn names_are_those_of_the_policy() {
    for good in ["ab", "demo-app", "libstdc++6", "0ad", "g++-12", "python3.11", &"a".repeat(128)] {
        assert_eq!(good.parse::<PackageName>().map(String::from), Ok(good.to_owned()));
    }
    for bad in [
        "",
        "a",
        "Demo",
        "demo_app",
        "-o",
        "demo-",
        "-oDPkg::Options",
        "+a",
        ".a",
        "a b",
        " ab",
        "ab ",
        "ab\n",
        "ab;",
        "a/b",
        "a*",
        "ab\0",
        "äb",
        "ab:",
        "a=b",
        &"a".repeat(129),
    ] {
        assert_eq!(bad.parse::<PackageName>(), Err(ParseError::Name(bad.to_owned())), "{bad:?}");
    }
}

#[test]
fn architectures_are_words() {
    for good in ["all", "amd64", "arm64", "armhf", "kfreebsd-i386"] {
        assert_eq!(good.parse::<Architecture>().map(String::from), Ok(good.to_owned()));
    }
    for bad in ["", "-arm", "arm-", "ARM64", "arm 64", "arm_64", "a:b", &"a".repeat(33)] {
        assert_eq!(bad.parse::<Architecture>(), Err(ParseError::Architecture(bad.to_owned())), "{bad:?}");
    }
}

#[test]
fn versions_are_what_dpkg_takes() {
    for good in
        ["1", "0", "1.0", "1:2.0~rc1+b1", "2147483647:1", "1.0-1-2", "1:2:3", "v1.2", "1~", "1.0+git20240101.abc-0.1"]
    {
        assert_eq!(good.parse::<Version>().map(String::from), Ok(good.to_owned()));
    }
    for bad in [
        "",
        "-1",
        "~1",
        ".1",
        "1 0",
        "1_0",
        "1=2",
        "1;2",
        "1/2",
        "1:",
        ":1",
        "1-",
        "a:1",
        "2147483648:1",
        "1:-1",
        "+1:1",
        "1\n",
        "1:~1",
        "1-2:3",
        &"1".repeat(257),
    ] {
        assert_eq!(bad.parse::<Version>(), Err(ParseError::Version(bad.to_owned())), "{bad:?}");
    }
}

#[test]
fn versions_are_ordered_as_debian_orders_them() {
    let ascending = [
        "0~~",
        "0~~a",
        "0~",
        "0",
        "0.9",
        "1.0~beta1",
        "1.0~rc1",
        "1.0",
        "1.0+b1",
        "1.0.1",
        "1.2",
        "1.10",
        "1.10-1",
        "1.10-1.1",
        "1.10-10",
        "1.10a",
        "1.10+",
        "2",
        "v2",
        "1:0.1",
        "2:0",
    ]
    .map(version);
    for (at, lower) in ascending.iter().enumerate() {
        for higher in &ascending[at + 1..] {
            assert_eq!(lower.debian_cmp(higher), Ordering::Less, "{lower} {higher}");
            assert_eq!(higher.cmp(lower), Ordering::Greater, "{higher} {lower}");
        }
    }
}

#[test]
fn versions_that_debian_holds_equal_are_still_told_apart() {
    let equal = ["1.0", "1.00", "0:1.0", "1.0-0", "01.0"].map(version);
    for left in &equal {
        for right in &equal {
            assert_eq!(left.debian_cmp(right), Ordering::Equal, "{left} {right}");
            assert_eq!(left.cmp(right) == Ordering::Equal, left == right, "{left} {right}");
        }
    }
}

#[test]
fn versions_are_ordered_as_dpkg_itself_orders_them() {
    let mut runner = TestRunner::deterministic();
    let pairs: Vec<(Version, Version)> = (0..400)
        .map(|_| {
            let (left, right) =
                similar_versions().new_tree(&mut runner).expect("the strategy rejects nothing").current();
            (version(&left), version(&right))
        })
        .collect();
    let verdicts = ask_dpkg(&pairs);
    assert_eq!(verdicts.len(), pairs.len());
    for ((left, right), verdict) in pairs.iter().zip(verdicts) {
        assert_eq!(left.debian_cmp(right), verdict, "{left} {right}");
    }
}

#[test]
fn a_package_of_the_devices_own_architecture_has_no_architecture_in_its_identity() {
    let native: Architecture = "arm64".parse().unwrap();
    let name: PackageName = "demo-app".parse().unwrap();
    for (architecture, shown) in [("arm64", "demo-app"), ("all", "demo-app"), ("armhf", "demo-app:armhf")] {
        let architecture: Architecture = architecture.parse().unwrap();
        let identity = PackageId::new(name.clone(), &architecture, &native);
        assert_eq!(identity.to_string(), shown);
        let written: PackageId = format!("demo-app:{architecture}").parse().unwrap();
        assert_eq!(written.on(&native), identity);
    }
}

#[test]
fn an_identity_pads_like_a_word() {
    let identity: PackageId = "libdemo:armhf".parse().unwrap();
    assert_eq!(format!("{identity:<16}|"), "libdemo:armhf   |");
    assert_eq!(identity.name().as_str(), "libdemo");
    assert_eq!(identity.foreign().map(Architecture::as_str), Some("armhf"));
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(text in ".{0,40}") {
        let _ = text.parse::<PackageName>();
        let _ = text.parse::<Architecture>();
        let _ = text.parse::<Version>();
        let _ = text.parse::<PackageId>();
    }

    #[test]
    fn the_order_is_total((left, middle) in similar_versions(), right in version_text()) {
        let (left, middle, right) = (version(&left), version(&middle), version(&right));
        prop_assert_eq!(left.cmp(&middle), middle.cmp(&left).reverse());
        if left <= middle && middle <= right {
            prop_assert!(left <= right);
        }
    }
}

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn version_text() -> impl Strategy<Value = String> {
    "([0-2]:)?[0-9][0-9a-c.+~]{0,6}(-[0-9a-c.+~]{1,3})?"
}

/// Two versions, often alike but for their ends: unrelated ones differ in their first digit and prove little.
fn similar_versions() -> impl Strategy<Value = (String, String)> {
    let end = || "[0-9ab.+~]{0,3}(-[0-9a~+]{1,2})?";
    prop_oneof![
        (version_text(), version_text()),
        ("[01]\\.[0-9a]{0,2}", end(), end())
            .prop_map(|(stem, left, right)| (format!("{stem}{left}"), format!("{stem}{right}"))),
    ]
}

#[expect(clippy::disallowed_methods, reason = "asks the real dpkg; the host's helper is not to be had here")]
fn ask_dpkg(pairs: &[(Version, Version)]) -> Vec<Ordering> {
    let script = "while read -r left right; do \
        if dpkg --compare-versions \"$left\" lt \"$right\"; then echo lt; \
        elif dpkg --compare-versions \"$left\" eq \"$right\"; then echo eq; \
        elif dpkg --compare-versions \"$left\" gt \"$right\"; then echo gt; else exit 1; fi; done";
    let mut child = Command::new("sh")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("every Debian has sh");
    // The pipe holds all answers, so writing first cannot block for ever.
    let mut input = child.stdin.take().expect("it was piped");
    for (left, right) in pairs {
        writeln!(input, "{left} {right}").unwrap();
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "dpkg --compare-versions gave no answer; is dpkg installed?");
    let answer = |line: &str| match line {
        "lt" => Ordering::Less,
        "eq" => Ordering::Equal,
        "gt" => Ordering::Greater,
        other => panic!("the script printed {other:?}"),
    };
    String::from_utf8(output.stdout).unwrap().lines().map(answer).collect()
}

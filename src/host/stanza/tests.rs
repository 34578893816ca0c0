use super::*;
use proptest::prelude::*;

const STATUS: &str = "\
Package: demo-app
Status: install ok installed
X-Unknown:  kept as it is
Architecture: all
Version: 1.0
Conffiles:
 /etc/demo/app.conf 0123456789abcdef0123456789abcdef
 /etc/demo/old.conf 0123456789abcdef0123456789abcdef obsolete
Description: a demo
 Status: not a field
 .
 more

Package: libdemo
Status: hold ok installed
Architecture: armhf
Version: 1:2.0

Package: libdemo
Status: install ok installed
Architecture: amd64
Version: 1:2.0
";

fn native() -> Architecture {
    "amd64".parse().unwrap()
}

fn ids(names: &[&str]) -> Vec<PackageId> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[test]
fn fields_are_found_with_their_continuations() {
    let stanzas = Stanzas::parse(STATUS).unwrap();
    let app = stanzas.of(&ids(&["demo-app"])[0], &native()).unwrap();
    assert_eq!(app.field("Status"), Some("install ok installed"));
    assert_eq!(app.field("conffiles").unwrap().lines().count(), 2);
    assert!(app.field("Conffiles").unwrap().ends_with("obsolete"));
    assert_eq!(app.field("Depends"), None);
    let foreign = stanzas.of(&ids(&["libdemo:armhf"])[0], &native()).unwrap();
    assert_eq!(foreign.field("Status"), Some("hold ok installed"));
}

#[test]
fn garbage_is_named_by_its_line() {
    for (text, line) in [("Package: a\n\u{0}\u{0}\n", 2), (" continued\n", 1), ("Package: a\n\nno colon\n", 3)] {
        assert_eq!(Stanzas::parse(text).unwrap_err().line, line, "{text:?}");
    }
}

#[test]
fn a_changed_stanza_goes_back_and_the_others_stay_byte_for_byte() {
    let current = STATUS.replace("Version: 1.0\n", "Version: 2.0\n").replace("X-Unknown:  kept as it is\n", "");
    assert_eq!(patch_status(&current, STATUS, &ids(&["demo-app"]), &native()).unwrap(), STATUS);
}

#[test]
fn the_same_name_in_another_architecture_is_another_package() {
    let current = STATUS.replace("1:2.0", "1:3.0");
    let patched = patch_status(&current, STATUS, &ids(&["libdemo:armhf"]), &native()).unwrap();
    assert_eq!(patched.matches("1:3.0").count(), 1);
    assert!(patched.contains("armhf\nVersion: 1:2.0\n"));
}

#[test]
fn a_stanza_that_was_lost_comes_back_and_one_that_was_added_goes() {
    let added = format!("{STATUS}\nPackage: new\nStatus: install ok installed\nArchitecture: all\n");
    assert_eq!(patch_status(&added, STATUS, &ids(&["new"]), &native()).unwrap().trim_end(), STATUS.trim_end());
    let (_, lost) = STATUS.split_once("\n\n").unwrap();
    let patched = patch_status(lost, STATUS, &ids(&["demo-app"]), &native()).unwrap();
    assert_eq!(Stanzas::parse(&patched).unwrap().items.len(), 3);
    assert!(patched.starts_with(lost));
}

#[test]
fn an_automatic_mark_goes_back_both_ways() {
    let marks = "Package: demo-dep\nArchitecture: amd64\nAuto-Installed: 1\n\n";
    let dep = ids(&["demo-dep"]);
    assert_eq!(patch_marks("", marks, &dep, &native()).unwrap(), marks);
    assert_eq!(patch_marks(marks, "", &dep, &native()).unwrap(), "");
    assert_eq!(patch_marks(marks, marks, &dep, &native()).unwrap(), marks);
}

fn stanza() -> impl Strategy<Value = String> {
    let field = ("[A-Z][A-Za-z-]{0,8}", "[ -~é]{0,20}").prop_map(|(name, value)| format!("{name}:{value}\n"));
    let continuation = "[ \t][!-~][ -~]{0,20}\n";
    (
        "[a-d][a-d]",
        prop::option::of(prop::sample::select(vec!["amd64", "armhf", "all"])),
        prop::collection::vec((field, prop::collection::vec(continuation, 0..3)), 0..4),
    )
        .prop_map(|(name, architecture, fields)| {
            let architecture = architecture.map(|text| format!("Architecture: {text}\n")).unwrap_or_default();
            let fields: String =
                fields.into_iter().map(|(field, more)| format!("X-{field}{}", more.concat())).collect();
            format!("Package: {name}\n{architecture}{fields}")
        })
}

fn file() -> impl Strategy<Value = String> {
    let gaps = prop::collection::vec((stanza(), "\n{1,3}"), 0..6);
    ("\n{0,2}", gaps, any::<bool>()).prop_map(|(lead, stanzas, cut)| {
        let text: String = stanzas.into_iter().map(|(stanza, gap)| stanza + &gap).collect();
        // A file may end without a blank line, or even without a newline.
        lead + if cut { text.trim_end() } else { &text }
    })
}

proptest! {
    #[test]
    fn printing_gives_back_what_was_read(text in file()) {
        prop_assert_eq!(Stanzas::parse(&text).unwrap().print(), text);
    }

    #[test]
    fn reading_any_text_ends_in_an_error_or_the_same_text(text in "[ -~\n\t\u{0}é]{0,200}") {
        if let Ok(stanzas) = Stanzas::parse(&text) {
            prop_assert_eq!(stanzas.print(), text);
        }
    }

    #[test]
    fn patching_twice_changes_nothing_more(current in file(), captured in file(), names in prop::collection::btree_set("[a-d][a-d](:armhf)?", 0..5)) {
        let packages: Vec<PackageId> = names.iter().map(|name| name.parse().unwrap()).collect();
        let once = patch_status(&current, &captured, &packages, &native()).unwrap();
        prop_assert_eq!(&patch_status(&once, &captured, &packages, &native()).unwrap(), &once);
        let captured = Stanzas::parse(&captured).unwrap();
        let patched = Stanzas::parse(&once).unwrap();
        for package in &packages {
            let text = |stanzas: &Stanzas| stanzas.of(package, &native()).map(|stanza| stanza.text.trim_end().to_owned());
            if Stanzas::parse(&current).unwrap().items.iter().filter(|stanza| stanza.package(&native()).as_ref() == Some(package)).count() < 2 {
                prop_assert_eq!(text(&patched), text(&captured));
            }
        }
    }

    #[test]
    fn stanzas_of_others_stay_untouched(current in file(), captured in file(), name in "[a-d][a-d]") {
        let package: PackageId = name.parse().unwrap();
        let others = |text: &str| -> Vec<String> {
            let stanzas = Stanzas::parse(text).unwrap();
            let others = stanzas.items.iter().filter(|stanza| stanza.package(&native()).as_ref() != Some(&package));
            others.map(|stanza| stanza.text.trim_end().to_owned()).collect()
        };
        let patched = patch_status(&current, &captured, std::slice::from_ref(&package), &native()).unwrap();
        prop_assert_eq!(others(&patched), others(&current));
    }
}

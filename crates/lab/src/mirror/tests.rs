//! Sources as machines have them.

use super::*;

#[test]
fn a_stanza_of_the_machines_own_suite_names_the_mirror() {
    let text = "Types: deb\nURIs: http://other.example/x\nSuites: nodistro\nComponents: main\n\n\
                Types: deb\n# a remark\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\n\
                Components: main contrib\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n";
    let found = in_stanzas(text, "bookworm").expect("the second stanza serves it");
    assert_eq!(
        found.line("trixie"),
        "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/debian trixie main"
    );
}

#[test]
fn a_line_of_the_machines_own_suite_names_the_mirror() {
    let text = "# deb http://no.example bookworm main\ndeb http://sec.example bookworm-security main\n\
                deb [ arch=amd64 signed-by=/k.gpg ] http://mirror.example/debian bookworm contrib main\n";
    let found = in_lines(text, "bookworm").expect("the last line serves it");
    assert_eq!(found, Mirror { uri: "http://mirror.example/debian".to_owned(), signed_by: Some("/k.gpg".to_owned()) });
}

#[test]
fn another_vendors_source_is_no_mirror_of_debian() {
    assert_eq!(in_stanzas("Types: deb\nURIs: http://x.example\nSuites: nodistro\nComponents: main\n", "trixie"), None);
    assert_eq!(in_lines("deb http://x.example stable main\n", "trixie"), None);
}

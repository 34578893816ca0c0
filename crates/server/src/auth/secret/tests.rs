//! Tests of secrets: how they are written, read and compared.

use super::*;

#[test]
fn a_secret_is_known_again_by_its_row_and_digest() {
    for purpose in [Purpose::Operator, Purpose::Device, Purpose::Enrolment] {
        let issued = Issued::new(purpose, "01-a_B");
        let shown = Shown::read(purpose, &issued.text).unwrap();
        assert_eq!(shown, Shown { id: "01-a_B", digest: issued.digest });
        assert_eq!(Digest::read(&issued.digest.to_text()), Some(issued.digest));
    }
}

#[test]
fn two_secrets_are_never_the_same() {
    let make = || Issued::new(Purpose::Device, "a");
    let (one, other) = (make(), make());
    assert_ne!(one.text, other.text);
    assert_ne!(one.digest, other.digest);
}

#[test]
fn a_secret_opens_only_what_it_is_for() {
    let issued = Issued::new(Purpose::Device, "a");
    assert_eq!(Shown::read(Purpose::Operator, &issued.text), None);
    assert_eq!(Shown::read(Purpose::Enrolment, &issued.text), None);
}

#[test]
fn a_text_that_is_no_secret_is_not_looked_up() {
    let issued = Issued::new(Purpose::Device, "a");
    let cut = &issued.text[..issued.text.len() - 1];
    let long = format!("{}x", issued.text);
    let rows = format!("belay_dev_{}.{}", "x".repeat(65), "s".repeat(SECRET_LENGTH));
    let quoted = format!("belay_dev_a'.{}", "s".repeat(SECRET_LENGTH));
    for text in ["", "belay_dev_", "belay_dev_a", "belay_dev_.", "Bearer x", cut, &long, &rows, &quoted] {
        assert_eq!(Shown::read(Purpose::Device, text), None, "{text:?}");
    }
    for text in ["", "AAAA", &"A".repeat(44), &"!".repeat(43)] {
        assert_eq!(Digest::read(text), None, "{text:?}");
    }
}

#[test]
fn neither_secret_nor_digest_can_be_printed() {
    let issued = Issued::new(Purpose::Operator, "a");
    let secret = issued.text.split_once('.').unwrap().1;
    let shown = format!("{issued:?} {:?} {:?}", issued.digest, Shown::read(Purpose::Operator, &issued.text));
    assert!(!shown.contains(secret) && !shown.contains(&issued.digest.to_text()), "{shown}");
}

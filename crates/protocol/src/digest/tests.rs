use super::*;

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn a_digest_is_read_in_every_form_and_written_bare_in_lower_case() {
    let upper = HEX.to_uppercase();
    for text in [HEX, &upper, &format!("sha256:{HEX}"), &format!("SHA256:{upper}")] {
        let digest: Sha256 = text.parse().unwrap();
        assert_eq!(digest.to_string(), HEX);
        assert_eq!(format!("{digest:?}"), HEX);
        assert_eq!(serde_json::to_string(&digest).unwrap(), format!("\"{HEX}\""));
    }
}

#[test]
fn a_digest_is_its_bytes() {
    let mut bytes = [0; 32];
    (bytes[0], bytes[31]) = (0xab, 0x01);
    let text = format!("ab{}01", "0".repeat(60));
    assert_eq!(Sha256::from_bytes(bytes).to_string(), text);
    assert_eq!(text.parse(), Ok(Sha256::from_bytes(bytes)));
}

#[test]
fn anything_else_is_no_digest() {
    let (short, long) = (&HEX[1..], format!("{HEX}0"));
    let (sign, wide) = (format!("+{short}"), format!("é{}", &HEX[2..]));
    let (space, other) = (format!(" {short}"), format!("g{short}"));
    let (sha1, twice) = (format!("sha1:{HEX}"), format!("sha256:sha256:{HEX}"));
    for text in ["", "sha256:", short, &long, &sign, &wide, &space, &other, &sha1, &twice] {
        assert_eq!(text.parse::<Sha256>(), Err(DigestError), "{text:?}");
        assert!(serde_json::from_value::<Sha256>(text.into()).is_err(), "{text:?}");
    }
}

use super::*;

fn host(address: &str, kind: Kind, name: Option<&str>) -> Host {
    Host { name: name.map(str::to_owned), ..Host::new(address.parse().unwrap(), kind) }
}

#[test]
fn saving_again_keeps_names_and_tokens_and_drops_no_device() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/site.toml");
    let mut site = Site::load(Some(&path)).unwrap();
    assert_eq!(site, Site::default(), "no file is no device");
    let found = [host("10.0.0.9:5000", Kind::Agent, None), host("10.0.0.10:5000", Kind::Flask, Some("shed"))];
    assert_eq!(site.take(&found), Saved { new: 2, missing: 0 });
    site.devices[0].name = Some("kitchen".to_owned());
    site.devices[0].token_file = Some("/etc/token".into());
    site.save(&path).unwrap();

    let mut site = Site::load(Some(&path)).unwrap();
    let again = [host("10.0.0.9:5000", Kind::Locked, Some("pi")), host("10.0.0.2:5000", Kind::Agent, None)];
    assert_eq!(site.take(&again), Saved { new: 1, missing: 1 });
    site.save(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    insta::assert_snapshot!(text.strip_prefix(HEAD).unwrap().trim(), @r#"
    [[device]]
    address = "10.0.0.2:5000"
    kind = "agent"

    [[device]]
    address = "10.0.0.9:5000"
    name = "kitchen"
    kind = "locked"
    token_file = "/etc/token"

    [[device]]
    address = "10.0.0.10:5000"
    name = "shed"
    kind = "flask"
    "#);
}

#[test]
fn a_mistake_in_the_file_is_named_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("site.toml");
    files::replace(&path, "[[device]]\naddress = \"10.0.0.9\"\nkind = \"agent\"\n", 0o644).unwrap();
    let message = Site::load(Some(&path)).unwrap_err().to_string();
    assert!(message.contains("site.toml") && message.contains("line 2"), "{message}");
}

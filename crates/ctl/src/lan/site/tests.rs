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

#[test]
fn a_name_in_the_file_gives_no_orders_to_a_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("site.toml");
    let device = "[[device]]\naddress = \"10.0.0.9:5000\"\nkind = \"agent\"\n";
    files::replace(&path, &format!("{device}name = \"\\u001b[8mkit\\nchen\\u0007\"\n"), 0o644).unwrap();
    assert_eq!(Site::load(Some(&path)).unwrap().devices[0].name.as_deref(), Some("kit chen"));
}

#[test]
fn a_token_for_all_is_shown_to_the_devices_of_the_file_only() {
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("own");
    files::replace(&own, "own\n", 0o600).unwrap();
    let device = |address: &str, token_file| SiteDevice {
        address: address.parse().unwrap(),
        name: None,
        kind: Kind::Locked,
        token_file,
    };
    let none = dir.path().join("none");
    let site = Site {
        devices: vec![
            device("10.0.0.1:5000", None),
            device("10.0.0.2:5000", Some(own)),
            device("10.0.0.3:5000", Some(none)),
        ],
    };
    let shared = Secret::new("shared".to_owned());
    let token = |address: &str| {
        let target = site.target(host(address, Kind::Locked, None), Some(&shared));
        target.map(|target| target.token.map(|token| token.reveal().to_owned()))
    };
    assert_eq!(token("10.0.0.1:5000").unwrap().as_deref(), Some("shared"));
    assert_eq!(token("10.0.0.2:5000").unwrap().as_deref(), Some("own"));
    assert!(token("10.0.0.3:5000").is_err(), "not another one in its place");
    assert_eq!(token("10.0.0.4:5000").unwrap(), None, "whoever is only found may be anybody");
}

use belay_protocol::bundle::BundleSource;
use belay_protocol::job::JobState;

use super::*;
use crate::cli::tests::agent;
use crate::control::tests as control;

fn write(folder: &Path, name: &str, text: &[u8]) -> String {
    let path = folder.join(name);
    crate::durable::write_atomic(&path, text, 0o644).unwrap();
    path.to_str().unwrap().to_owned()
}

fn manifest_of(archive: &[u8]) -> String {
    let sha256 = crate::durable::digest_of_bytes(archive);
    format!(
        r#"{{"version":"2.33.07","device_type":"debian","distribution":"stable","archive":"b.tar.gz","sha256":"{sha256}","size":{},"created_at":"2026-01-02T03:04:05Z"}}"#,
        archive.len()
    )
}

#[tokio::test]
async fn a_file_is_put_to_the_agent_with_the_manifest_that_lies_next_to_it() {
    let agent = agent(control::commits);
    let folder = tempfile::tempdir().unwrap();
    let archive = vec![5; 300_000];
    let file = write(folder.path(), "b.tar.gz", &archive);
    let asked = BundleArguments::default();
    let alone = request(&agent.client, &asked, &file, false).await.unwrap();
    assert_eq!(alone.uploaded, Some(crate::durable::digest_of_bytes(&archive)));
    assert_eq!(alone.manifest, None);
    write(folder.path(), "manifest.json", manifest_of(b"another archive").as_bytes());
    assert_eq!(request(&agent.client, &asked, &file, false).await.unwrap().manifest, None, "it is another one's");
    write(folder.path(), "manifest.json", manifest_of(&archive).as_bytes());
    write(folder.path(), "manifest.sig", b"a signature");
    let found = request(&agent.client, &asked, &file, false).await.unwrap();
    assert_eq!(found.manifest.as_ref().unwrap().signature.as_deref(), Some("a signature"));
    let update = belay_protocol::local::UpdateRequest { bundle: Some(found), ..Default::default() };
    let job: belay_protocol::job::Job = agent.client.post("/update", &update).await.unwrap();
    let order = job.request.bundle().unwrap();
    assert_eq!((&order.source, order.size, job.state), (&BundleSource::Upload, Some(300_000), JobState::Committed));
}

#[tokio::test]
async fn an_address_is_passed_on() {
    let agent = agent(control::commits);
    let sha256 = Some(Sha256::from_bytes([1; 32]));
    let asked = BundleArguments { sha256, of_version: Some("2".parse().unwrap()), ..BundleArguments::default() };
    let found = request(&agent.client, &asked, "https://x/b", false).await.unwrap();
    let version = asked.of_version.clone();
    assert_eq!(found, BundleRequest { url: Some("https://x/b".into()), sha256, version, ..BundleRequest::default() });
}

#[tokio::test]
async fn each_wrong_use_is_a_sentence() {
    let agent = agent(control::commits);
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "b.tar.gz", b"an archive");
    let place = folder.path().to_str().unwrap();
    let said = async |asked: BundleArguments, named: &str| {
        let error = request(&agent.client, &asked, named, false).await.unwrap_err().to_string();
        error.replace(place, "FOLDER")
    };
    let none = BundleArguments::default;
    insta::assert_snapshot!(said(none(), "b.tgz").await, @"b.tgz: there is no such file, and an address begins with https://");
    insta::assert_snapshot!(said(none(), "https://x/b").await, @"an address needs --sha256 or --manifest: else nobody knows what it must give");
    let wrong = BundleArguments { sha256: Some(Sha256::from_bytes([1; 32])), ..none() };
    let damaged = said(wrong, &file).await;
    assert!(
        damaged.starts_with("FOLDER/b.tar.gz has the digest ") && damaged.ends_with(": it is damaged, or another file"),
        "{damaged}"
    );
    let missing = BundleArguments { manifest: Some(folder.path().join("m.json")), ..none() };
    insta::assert_snapshot!(said(missing, &file).await, @"cannot read FOLDER/m.json: No such file or directory (os error 2)");
    let large = write(folder.path(), "large.json", &vec![b' '; LONGEST_MANIFEST + 1]);
    let large = BundleArguments { manifest: Some(large.into()), ..none() };
    insta::assert_snapshot!(said(large, &file).await, @"FOLDER/large.json has more than 262144 bytes, so it is no manifest");
}

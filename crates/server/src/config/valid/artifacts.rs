//! Where artifacts are kept.

use std::net::IpAddr;
use std::path::Path;

use belay_settings::Problem;
use hyper::Uri;

use super::super::file;
use super::super::settings::{ArtifactStore, S3, S3Credentials};
use super::{doors, pair};

pub(super) fn artifacts(artifacts: file::Artifacts, state_dir: &Path) -> Result<ArtifactStore, Problem> {
    if let Some(bucket) = artifacts.store.strip_prefix("s3://") {
        return s3(bucket.to_owned(), artifacts).map(ArtifactStore::S3);
    }
    if let Some(name) = written(&artifacts).into_iter().find_map(|(name, written)| written.then_some(name)) {
        let message = "it is of use only where artifacts.store is a bucket, like \"s3://bucket/prefix\"";
        return Err(Problem::new(&["artifacts", name], message));
    }
    match artifacts.store.as_str() {
        "" => Ok(ArtifactStore::Folder(state_dir.join("artifacts"))),
        folder if folder.starts_with('/') => Ok(ArtifactStore::Folder(folder.into())),
        other => {
            let message = format!("{other:?} is no place for artifacts; write \"/a/folder\" or \"s3://bucket/prefix\"");
            Err(Problem::new(&["artifacts", "store"], message))
        }
    }
}

fn written(artifacts: &file::Artifacts) -> [(&'static str, bool); 4] {
    [
        ("s3_endpoint", !artifacts.s3_endpoint.is_empty()),
        ("s3_region", !artifacts.s3_region.is_empty()),
        ("s3_access_key_file", !artifacts.s3_access_key_file.as_os_str().is_empty()),
        ("s3_secret_key_file", !artifacts.s3_secret_key_file.as_os_str().is_empty()),
    ]
}

fn s3(place: String, artifacts: file::Artifacts) -> Result<S3, Problem> {
    let (bucket, prefix) = place.split_once('/').unwrap_or((&place, ""));
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(fits) {
        let message = format!("{bucket:?} is no bucket; a name has 3 to 63 of a-z 0-9 - and .");
        return Err(Problem::new(&["artifacts", "store"], message));
    }
    let endpoint = Some(&artifacts.s3_endpoint).filter(|endpoint| !endpoint.is_empty());
    let endpoint = endpoint.map(|text| service(text)).transpose();
    let credentials = pair(
        [&["artifacts", "s3_access_key_file"], &["artifacts", "s3_secret_key_file"]],
        [artifacts.s3_access_key_file, artifacts.s3_secret_key_file],
    )?;
    Ok(S3 {
        bucket: bucket.to_owned(),
        prefix: prefix.trim_matches('/').to_owned(),
        endpoint: endpoint.map_err(|message| Problem::new(&["artifacts", "s3_endpoint"], message))?,
        region: Some(artifacts.s3_region).filter(|region| !region.is_empty()),
        credentials: credentials
            .map(|[access_key_file, secret_key_file]| S3Credentials { access_key_file, secret_key_file }),
    })
}

/// The URL of a service that speaks S3.
fn service(text: &str) -> Result<String, String> {
    let url = doors::url(text)?;
    let here = url.parse::<Uri>().ok().is_some_and(|uri| {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    });
    if url.starts_with("http:") && !here {
        return Err(format!("{text:?} is on another machine, and artifacts would go there unencrypted; use https://"));
    }
    Ok(url)
}

//! `belay-server check`: what a server with these settings would do, without doing it.

use std::fs::File;
use std::path::Path;

use serde::Serialize;

use super::exit::Exit;
use super::failure::Failure;
use super::output::{say, say_json};
use crate::config::Settings;
use crate::config::settings::{ArtifactStore, EnrolmentMode};
use crate::store::{State, inspect};

/// What was found.
#[derive(Debug, Serialize)]
struct Found {
    valid: bool,
    database: State,
    listen: Vec<String>,
    tls: bool,
    enrolment: &'static str,
    artifacts: String,
    warnings: Vec<String>,
}

/// Looks at the database and at the files that the settings name.
pub(super) async fn check(settings: &Settings, json: bool) -> Result<Exit, Failure> {
    for path in files(settings) {
        let unreadable = |source| crate::store::StoreError::File { path: path.to_path_buf(), source };
        File::open(path).map_err(unreadable)?;
    }
    let found = Found {
        valid: true,
        database: inspect(&settings.database.0, &settings.state_dir).await?,
        listen: settings.listen.iter().map(ToString::to_string).collect(),
        tls: settings.tls.is_some(),
        enrolment: match settings.enrolment {
            EnrolmentMode::Token => "token",
            EnrolmentMode::Approval => "approval",
            EnrolmentMode::Open => "open",
        },
        artifacts: match &settings.artifacts {
            ArtifactStore::Folder(folder) => folder.display().to_string(),
            ArtifactStore::S3(bucket) => format!("s3://{}/{}", bucket.bucket, bucket.prefix),
        },
        warnings: settings.warnings(),
    };
    if json {
        say_json(&found)
    } else {
        say(&found.lines().join("\n"))
    }
    Ok(Exit::Done)
}

fn files(settings: &Settings) -> Vec<&Path> {
    let tls = settings.tls.iter().flat_map(|tls| [tls.certificate.as_path(), tls.key.as_path()]);
    let credentials = match &settings.artifacts {
        ArtifactStore::S3(bucket) => bucket.credentials.as_ref(),
        ArtifactStore::Folder(_) => None,
    };
    let credentials = credentials.into_iter().flat_map(|files| [&*files.access_key_file, &*files.secret_key_file]);
    tls.chain(credentials).collect()
}

impl Found {
    fn lines(&self) -> Vec<String> {
        let schema = match self.database.schema {
            None => "empty; its tables are made at the first start".to_owned(),
            Some(schema) if schema == self.database.known => format!("schema {schema}"),
            Some(schema) => format!("schema {schema}, brought to {} at the next start", self.database.known),
        };
        let doors = if self.tls { "TLS" } else { "HTTP without TLS" };
        let mut lines = vec![
            "settings   valid".to_owned(),
            format!("database   {}: {schema}", self.database.engine),
            format!("listen     {}: {doors}", self.listen.join(", ")),
            format!("enrolment  {}", self.enrolment),
            format!("artifacts  {}", self.artifacts),
        ];
        lines.extend(self.warnings.iter().map(|warning| format!("warning: {warning}")));
        lines
    }
}

//! `belayctl release …`

use belay_protocol::admin::{CreateRelease, ReleaseName, ReleaseView};

use super::all;
use crate::arguments::{Release, ReleaseArguments};
use crate::client::Client;
use crate::error::CtlError;
use crate::output::answer;
use crate::render;

pub(super) async fn run(client: &Client, json: bool, verb: Release) -> Result<(), CtlError> {
    match verb {
        Release::Publish { list, name, notes, approve } => {
            let text =
                std::fs::read_to_string(&list).map_err(|source| CtlError::File { path: list.clone(), source })?;
            let packages = text.lines().map(str::to_owned).collect();
            let release = CreateRelease { name: name.into(), packages, approve, notes };
            let published: ReleaseView = client.post(&["releases"], &release).await?;
            answer(json, &published, render::release::published);
        }
        Release::List { device_type, distribution } => {
            let query = [("device_type", device_type), ("distribution", distribution)];
            let releases: Vec<ReleaseView> = all(client, &["releases"], &query).await?;
            answer(json, &releases, |releases| render::release::list(releases));
        }
        Release::Delete { name } => {
            let (device_type, distribution) = (name.device_type.as_str(), name.distribution.as_str());
            client.delete(&["releases", device_type, distribution, name.version.as_str()]).await?;
            let name = ReleaseName::from(name.clone());
            answer(json, &name, |name| format!("{name} is deleted"));
        }
    }
    Ok(())
}

impl From<ReleaseArguments> for ReleaseName {
    fn from(name: ReleaseArguments) -> Self {
        Self { device_type: name.device_type, distribution: name.distribution, version: name.version }
    }
}

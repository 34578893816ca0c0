//! Many devices at once.

use belay_protocol::admin::DeviceState;
use belay_protocol::{DeviceType, Distribution, Tag};
use sqlx::AnyConnection;

use super::{device, state_word};
use crate::domain::Device;
use crate::store::StoreError;
use crate::store::row::json;

/// Which devices. What is absent or empty asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Of this type.
    pub device_type: Option<DeviceType>,
    /// Of this ring.
    pub distribution: Option<Distribution>,
    /// In this state.
    pub state: Option<DeviceState>,
    /// With this tag.
    pub tag: Option<Tag>,
    /// Part of a name, host name or tag, in any case.
    pub search: String,
}

/// Devices of a selection by name, and so by age: of those after the one named, at most `limit` behind the first `offset`.
pub async fn list(
    connection: &mut AnyConnection,
    selection: &Selection,
    after: &str,
    (limit, offset): (i64, i64),
) -> Result<Vec<Device>, StoreError> {
    let sql = format!("SELECT * FROM devices WHERE {CONDITION} AND id > $6 ORDER BY id LIMIT $7 OFFSET $8");
    let mut query = sqlx::query(&sql);
    for text in selection.texts() {
        query = query.bind(text);
    }
    let rows = query.bind(after).bind(limit).bind(offset).fetch_all(connection).await?;
    rows.iter().map(device).collect()
}

/// How many devices a selection has.
pub async fn count(connection: &mut AnyConnection, selection: &Selection) -> Result<u64, StoreError> {
    let sql = format!("SELECT COUNT(*) FROM devices WHERE {CONDITION}");
    let mut query = sqlx::query_scalar(&sql);
    for text in selection.texts() {
        query = query.bind(text);
    }
    let total: i64 = query.fetch_one(connection).await?;
    Ok(total.unsigned_abs())
}

/// How many devices are in this state: looked up, whatever the size of the fleet.
pub async fn count_in(connection: &mut AnyConnection, state: DeviceState) -> Result<u64, StoreError> {
    let query = sqlx::query_scalar("SELECT COUNT(*) FROM devices WHERE state = $1").bind(state_word(state));
    let total: i64 = query.fetch_one(connection).await?;
    Ok(total.unsigned_abs())
}

impl Selection {
    /// One text for each place of [`CONDITION`].
    fn texts(&self) -> [String; 5] {
        [
            self.device_type.as_ref().map(ToString::to_string).unwrap_or_default(),
            self.distribution.as_ref().map(ToString::to_string).unwrap_or_default(),
            self.state.map(|state| state_word(state).to_owned()).unwrap_or_default(),
            // As it stands in a list of tags, quotes included: no part of another tag.
            self.tag.as_ref().map(json).unwrap_or_default(),
            self.search.to_lowercase(),
        ]
    }
}

/// Texts that are replaced by nothing where they occur: unlike `LIKE` the same in every database, and no text is a pattern.
const CONDITION: &str = "($1 = '' OR device_type = $1) AND ($2 = '' OR distribution = $2) AND ($3 = '' OR state = $3) \
    AND ($4 = '' OR REPLACE(tags, $4, '') <> tags) \
    AND ($5 = '' OR REPLACE(LOWER(id || ' ' || hostname || ' ' || tags), $5, '') <> LOWER(id || ' ' || hostname || ' ' || tags))";

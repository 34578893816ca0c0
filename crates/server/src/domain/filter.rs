//! Which devices are meant: parsed from texts, applied to a device.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use belay_protocol::admin::{FilterText, FleetState, ReleaseName};
use belay_protocol::{DeviceId, DeviceType, Distribution, ReleaseVersion, Tag};

use super::{Device, FieldError};

/// Which devices are meant. What is absent selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    device_type: Option<DeviceType>,
    distribution: Option<Distribution>,
    version: Option<(Operator, ReleaseVersion)>,
    state: Option<FleetState>,
    tags: BTreeSet<Tag>,
    devices: BTreeSet<DeviceId>,
}

impl Filter {
    /// Reads a filter. Empty texts are absent; type and ring are those of `defaults` where they are absent.
    pub fn parse(text: &FilterText, defaults: Option<&ReleaseName>) -> Result<Self, FieldError> {
        let device_type = one("filter.device_type", text.device_type.as_deref())?;
        let distribution = one("filter.distribution", text.distribution.as_deref())?;
        Ok(Self {
            device_type: device_type.or_else(|| defaults.map(|release| release.device_type.clone())),
            distribution: distribution.or_else(|| defaults.map(|release| release.distribution.clone())),
            version: version(text)?,
            state: state(text)?,
            tags: all("filter.tags", &text.tags)?,
            devices: all("filter.device_ids", &text.device_ids)?,
        })
    }

    /// Whether a device that stands so is meant.
    pub fn selects(&self, device: &Device, state: FleetState) -> bool {
        self.device_type.as_ref().is_none_or(|wanted| device.device_type == *wanted)
            && self.distribution.as_ref().is_none_or(|wanted| device.distribution == *wanted)
            && self.version.as_ref().is_none_or(|(operator, wanted)| operator.holds(device.version(), wanted))
            && self.state.is_none_or(|wanted| state == wanted)
            && self.tags.is_subset(&device.tags)
            && (self.devices.is_empty() || self.devices.contains(&device.id))
    }

    /// Whether devices are asked for by name.
    pub fn names_devices(&self) -> bool {
        !self.devices.is_empty()
    }

    /// Whether it asks how devices stand: [`selects`](Self::selects) looks at the state only then.
    pub fn asks_for_state(&self) -> bool {
        self.state.is_some()
    }
}

/// How the installed version stands towards the one named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Before,
    UpTo,
    Other,
    Same,
}

impl Operator {
    /// An unknown version is only known to be none in particular.
    fn holds(self, installed: Option<&ReleaseVersion>, wanted: &ReleaseVersion) -> bool {
        let order = installed.and_then(|installed| installed.compare(wanted));
        match self {
            Self::Before => order == Some(Ordering::Less),
            Self::UpTo => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::Other => order != Some(Ordering::Equal),
            Self::Same => order == Some(Ordering::Equal),
        }
    }

    fn needs_order(self) -> bool {
        match self {
            Self::Before | Self::UpTo => true,
            Self::Other | Self::Same => false,
        }
    }
}

fn version(text: &FilterText) -> Result<Option<(Operator, ReleaseVersion)>, FieldError> {
    let operator = match present(text.version_operator.as_deref()) {
        None | Some("!=") => Operator::Other,
        Some("=") => Operator::Same,
        Some("<") => Operator::Before,
        Some("<=") => Operator::UpTo,
        Some(other) => {
            return Err(FieldError::new("filter.version_operator", format!("{other:?} is none of <, <=, != and =")));
        }
    };
    let Some(version) = one::<ReleaseVersion>("filter.current_version", text.current_version.as_deref())? else {
        return Ok(None);
    };
    if operator.needs_order() && !is_ordered(&version) {
        let message = format!("{version} has no order, as it does not begin with a digit; use = or !=");
        return Err(FieldError::new("filter.version_operator", message));
    }
    Ok(Some((operator, version)))
}

/// A version without order stands in none towards any number.
fn is_ordered(version: &ReleaseVersion) -> bool {
    "0".parse().is_ok_and(|number: ReleaseVersion| version.compare(&number).is_some())
}

fn state(text: &FilterText) -> Result<Option<FleetState>, FieldError> {
    let Some(word) = present(text.status.as_deref()) else { return Ok(None) };
    match word {
        "UP_TO_DATE" => Ok(Some(FleetState::UpToDate)),
        "OUTDATED" => Ok(Some(FleetState::Outdated)),
        "IN_PROGRESS" => Ok(Some(FleetState::InProgress)),
        // Older doors say FAILING.
        "FAILED" | "FAILING" => Ok(Some(FleetState::Failed)),
        "UNKNOWN" => Ok(Some(FleetState::Unknown)),
        other => {
            let message = format!("{other:?} is none of UP_TO_DATE, OUTDATED, IN_PROGRESS, FAILED and UNKNOWN");
            Err(FieldError::new("filter.status", message))
        }
    }
}

fn one<T: FromStr<Err: Display>>(field: &'static str, text: Option<&str>) -> Result<Option<T>, FieldError> {
    present(text)
        .map(|text| text.parse().map_err(|error: T::Err| FieldError::new(field, error.to_string())))
        .transpose()
}

fn all<T: FromStr<Err: Display> + Ord>(field: &'static str, texts: &[String]) -> Result<BTreeSet<T>, FieldError> {
    texts.iter().filter_map(|text| one(field, Some(text)).transpose()).collect()
}

fn present(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;

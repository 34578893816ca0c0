//! What can be answered, and what of an answer is a line of its own where it is written as CSV.

use belay_protocol::admin::{
    ChannelView, DeploymentView, DeviceView, FleetSummary, NewToken, Preview, ReleaseName, ReleaseView, ReportView,
    WhoAmI,
};
use serde::Serialize;
use serde_json::Value;

use crate::commands::{
    DeletedChannel, DeletedDeployment, DeletedDevice, DryRun, Forgotten, Full, KeyPair, LoggedIn, Published, Revoked,
    SignatureFile, SignatureGood, Verified, Watched, Written,
};
use crate::lan::answers::{Carried, Rehearsed, Scanned};

/// An answer of a command.
pub(crate) trait Answer: Serialize {
    /// What it is about, each a line: a list, or one thing. What else it says of them all is in its JSON.
    fn things(&self) -> Value {
        json(self)
    }
}

impl<T: Serialize> Answer for Vec<T> {}

/// These are one thing each, whatever lists they have.
macro_rules! one_thing {
    ($($answer:ident)*) => {
        $(impl Answer for $answer {})*
    };
}

one_thing! {
    ChannelView DeletedChannel DeletedDeployment DeletedDevice DeploymentView DeviceView DryRun FleetSummary Forgotten
    KeyPair LoggedIn NewToken Preview Published ReleaseName ReleaseView ReportView Revoked SignatureFile SignatureGood
    Verified WhoAmI Written
}

/// These are about the things in this list of theirs.
macro_rules! many_things {
    ($($answer:ident { $list:ident })*) => {
        $(impl Answer for $answer {
            fn things(&self) -> Value {
                json(&self.$list)
            }
        })*
    };
}

many_things! {
    Carried { devices }
    Full { devices }
    Rehearsed { devices }
    Scanned { devices }
    Watched { files }
}

fn json(value: &(impl Serialize + ?Sized)) -> Value {
    serde_json::to_value(value).expect("the protocol has only text keys and finite numbers")
}

#[cfg(test)]
mod tests;

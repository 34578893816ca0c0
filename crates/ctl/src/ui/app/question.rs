//! What is asked before anything is changed, and before leaving devices at work.

use std::net::SocketAddr;

use belay_terminal::Tone;
use belay_terminal::quantity::counted;

use super::App;
use super::device::{Deed, Device};
use crate::lan::Kind;

/// Something that is asked before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Question {
    /// Whether these devices shall do this.
    Order(Deed, Vec<SocketAddr>),
    /// Whether to leave while devices are at work.
    Leave,
}

impl Question {
    /// What it is about, in a word or two.
    pub(crate) fn title(&self) -> &'static str {
        match self {
            Self::Order(Deed::Update, _) => "Update",
            Self::Order(Deed::Rollback, _) => "Roll back",
            Self::Leave => "Leave",
        }
    }

    /// The question, and what should be known before it is answered, a paragraph each.
    pub(crate) fn paragraphs(&self, app: &App) -> Vec<(Tone, String)> {
        match self {
            Self::Leave => vec![
                (Tone::Strong, format!("{} still at work. Leave?", counted_are(app.devices.at_work()))),
                (Tone::Plain, "Leaving stops nothing: they go on by themselves and undo what fails.".to_owned()),
            ],
            Self::Order(deed, addresses) => {
                let devices: Vec<&Device> =
                    app.devices.all().iter().filter(|device| addresses.contains(&device.host.address)).collect();
                let names: Vec<String> = devices.iter().map(|device| device.address()).collect();
                let mut paragraphs =
                    vec![(Tone::Strong, order(*deed, devices.len(), app)), (Tone::Plain, some(&names, 8))];
                if let (Deed::Update, Some(chosen)) = (deed, &app.list) {
                    let packages: Vec<String> = chosen.list.specs().iter().map(ToString::to_string).collect();
                    paragraphs.push((Tone::Plain, format!("Packages: {}", some(&packages, 8))));
                }
                paragraphs.extend(warnings(*deed, &devices).map(|text| (Tone::Careful, format!("! {text}"))));
                paragraphs
            }
        }
    }
}

fn order(deed: Deed, count: usize, app: &App) -> String {
    let devices = counted(count as u64, "device");
    match (deed, &app.list) {
        (Deed::Update, Some(chosen)) => {
            let packages = counted(chosen.list.specs().len() as u64, "package");
            format!("Install {packages} from {} on {devices}?", chosen.name())
        }
        (Deed::Update, None) => format!("Update {devices}?"),
        (Deed::Rollback, _) => format!("Take {devices} back to before the last update there?"),
    }
}

fn warnings(deed: Deed, devices: &[&Device]) -> impl Iterator<Item = String> {
    let those = |kind: Kind| devices.iter().filter(|device| device.host.kind == kind).collect::<Vec<_>>();
    let (flask, locked) = (those(Kind::Flask), those(Kind::Locked));
    let old = (!flask.is_empty()).then(|| {
        let names: Vec<String> = flask.iter().map(|device| device.address()).collect();
        let subject = format!("{} the old Flask program ({})", runs(flask.len()), some(&names, 4));
        match deed {
            Deed::Update => format!("{subject}: it cannot undo an update that fails, and shows no progress."),
            Deed::Rollback => {
                format!("{subject}: it installs the versions that it noted last, which may be the present ones.")
            }
        }
    });
    let closed = (!locked.is_empty()).then(|| {
        format!(
            "{} a token; without one in the site file, or by --token-file, nothing happens there.",
            wants(locked.len())
        )
    });
    old.into_iter().chain(closed)
}

fn runs(count: usize) -> String {
    if count == 1 { "1 of them runs".to_owned() } else { format!("{count} of them run") }
}

fn wants(count: usize) -> String {
    if count == 1 { "1 of them wants".to_owned() } else { format!("{count} of them want") }
}

fn counted_are(count: usize) -> String {
    format!("{} {}", counted(count as u64, "device"), if count == 1 { "is" } else { "are" })
}

/// `a, b, c and 4 more`.
pub(crate) fn some(names: &[String], most: usize) -> String {
    // One left out would take no less room than its name.
    let shown = if names.len() <= most + 1 { names.len() } else { most };
    match names.len() - shown {
        0 => names.join(", "),
        more => format!("{} and {more} more", names[..shown].join(", ")),
    }
}

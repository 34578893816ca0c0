//! The bundles that a device kept.

use belay_protocol::local::{Bundles, KeptBundle};

use belay_terminal::quantity::{bytes, short};
use belay_terminal::{Cell, Page, Tone, plain, table};

/// The bundles that a device kept, the one in force marked.
pub(in crate::cli) fn bundles(kept: &Bundles, page: &Page) -> String {
    if kept.bundles.is_empty() {
        return "no bundles: none was installed, or none is kept (bundle.keep_mb)".to_owned();
    }
    let header = ["", "version", "digest", "size"].map(|name| (Tone::Quiet, name.to_owned())).to_vec();
    let rows: Vec<Vec<Cell>> = std::iter::once(header).chain(kept.bundles.iter().map(row)).collect();
    table(&rows, 0, page.paint)
}

fn row(bundle: &KeptBundle) -> Vec<Cell> {
    let (mark, tone) = if bundle.in_force { ("▶", Tone::Good) } else { ("", Tone::Plain) };
    let version = bundle.version.to_string();
    vec![(tone, mark.to_owned()), (tone, version), plain(short(&bundle.sha256)), plain(bytes(bundle.bytes))]
}

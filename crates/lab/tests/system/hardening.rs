//! How much our services could still do if they were taken over, as systemd itself rates it, and what the document says.

use std::fmt::Write;
use std::path::Path;

use belay_lab::{Container, OurDeb, Suite};

use crate::device::Lab;

#[test]
fn each_service_is_as_exposed_as_the_document_says_and_no_more_than_it_may_be() {
    let lab = Lab::offering(&[]);
    lab.archive.take_in(&[OurDeb::built("belay-server").file()]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/hardening.md");
    let document = std::fs::read_to_string(&path).expect("the document is there");
    let mut wrong = String::new();
    for suite in [Suite::Bookworm, Suite::Trixie] {
        let root = lab.debian(suite.name(), suite);
        root.install(&["belay-agent", "belay-server"]);
        let device = Container::boot(&root);
        for (unit, bound) in [("belay-agent", 1.3), ("belay-server", 1.2), ("belay-host", 4.5), ("belay-guard", 4.5)] {
            let told = device.sh(&format!("systemd-analyze security --no-pager {unit}.service"));
            let figure = told.lines().rev().find_map(|line| line.split_once(".service: ")?.1.split(' ').next());
            let figure = figure.unwrap_or_else(|| panic!("no figure in:\n{told}"));
            let exposure: f64 = figure.parse().unwrap_or_else(|_| panic!("{figure:?} is no figure"));
            let row = format!("| {unit} | {} | {figure} |", suite.name());
            if exposure > bound || !document.contains(&row) {
                let left: Vec<&str> = told.lines().filter(|line| line.starts_with('✗')).collect();
                writeln!(wrong, "{row} at most {bound}\n{}", left.join("\n")).expect("memory takes everything");
            }
        }
    }
    assert!(wrong.is_empty(), "{} says otherwise, or it is too much:\n{wrong}", path.display());
}

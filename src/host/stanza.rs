//! Stanzas of dpkg's status and apt's extended_states: read, patched, printed. Pure.
//!
//! A stanza is kept as the text that it was read from, so what nobody patches is printed byte for byte.

use std::collections::{BTreeMap, BTreeSet};

use belay_protocol::{Architecture, PackageId};

/// A file of stanzas, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stanzas<'a> {
    /// In the order of the file.
    pub items: Vec<Stanza<'a>>,
    lead: &'a str,
}

/// One stanza with the blank lines behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stanza<'a> {
    /// Its lines, the last newline included where the file has it.
    pub text: &'a str,
    gap: &'a str,
}

/// A line that belongs to no stanza.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is no field of a stanza: {text:?}")]
pub struct StanzaError {
    /// Its number, counted from 1.
    pub line: usize,
    /// The line.
    pub text: String,
}

impl<'a> Stanzas<'a> {
    /// Reads a file. Every line must be a field, the continuation of one, or blank.
    pub fn parse(text: &'a str) -> Result<Self, StanzaError> {
        let lead = text.len() - text.trim_start_matches('\n').len();
        let mut stanzas = Self { items: Vec::new(), lead: &text[..lead] };
        let (mut start, mut at) = (lead, lead);
        for (line, number) in text[lead..].split_inclusive('\n').zip(lead + 1..) {
            let blank = line.trim_ascii().is_empty();
            let continues = line.starts_with([' ', '\t']) && at > start;
            if !blank && !continues && !is_field(line) {
                return Err(StanzaError { line: number, text: line.trim_ascii_end().to_owned() });
            }
            match stanzas.items.last_mut() {
                // Blank lines belong to the stanza before them.
                Some(stanza) if blank && at == start => stanza.gap = extended(text, stanza.gap, at, line),
                _ if blank => {
                    stanzas.items.push(Stanza { text: &text[start..at], gap: line });
                }
                _ => {
                    at += line.len();
                    continue;
                }
            }
            at += line.len();
            start = at;
        }
        if start < text.len() {
            stanzas.items.push(Stanza { text: &text[start..], gap: "" });
        }
        Ok(stanzas)
    }

    /// The stanza of a package on a device of architecture `native`.
    pub fn of(&self, package: &PackageId, native: &Architecture) -> Option<&Stanza<'a>> {
        self.items.iter().find(|stanza| stanza.package(native).as_ref() == Some(package))
    }

    /// The file again, byte for byte.
    pub fn print(&self) -> String {
        let stanzas = self.items.iter().flat_map(|stanza| [stanza.text, stanza.gap]);
        std::iter::once(self.lead).chain(stanzas).collect()
    }
}

impl<'a> Stanza<'a> {
    /// A field's value with its continuation lines, without the white space around it.
    pub fn field(&self, name: &str) -> Option<&'a str> {
        let mut at = 0;
        let mut found: Option<(usize, usize)> = None;
        for line in self.text.split_inclusive('\n') {
            let here = line.split_once(':').is_some_and(|(field, _)| field.eq_ignore_ascii_case(name));
            match (&mut found, line.starts_with([' ', '\t'])) {
                (Some((_, end)), true) => *end = at + line.len(),
                (Some(_), false) => break,
                (None, false) if here => found = Some((at + name.len() + 1, at + line.len())),
                (None, _) => {}
            }
            at += line.len();
        }
        found.map(|(start, end)| self.text[start..end].trim_ascii())
    }

    /// Whose stanza it is; none where the name or architecture is not a valid one.
    pub fn package(&self, native: &Architecture) -> Option<PackageId> {
        let name = self.field("Package")?.parse().ok()?;
        match self.field("Architecture") {
            None => Some(PackageId::from(name)),
            Some(architecture) => Some(PackageId::new(name, &architecture.parse().ok()?, native)),
        }
    }
}

/// Puts the captured stanzas of `packages` back into dpkg's status: replaced where there is one, added where there
/// is none, removed where nothing was captured. Every other byte stays.
pub fn patch_status(
    current: &str,
    captured: &str,
    packages: &[PackageId],
    native: &Architecture,
) -> Result<String, StanzaError> {
    let captured = Stanzas::parse(captured)?;
    let mut wanted: BTreeMap<PackageId, Option<String>> =
        packages.iter().map(|package| (package.clone(), None)).collect();
    for stanza in captured.items.iter().rev() {
        if let Some(text) = stanza.package(native).and_then(|package| wanted.get_mut(&package)) {
            *text = Some(stanza.text.to_owned());
        }
    }
    replace(current, &wanted, native)
}

/// Puts the captured automatic marks of `packages` back into apt's extended_states, as [`patch_status`] does.
pub fn patch_marks(
    current: &str,
    captured: &str,
    packages: &[PackageId],
    native: &Architecture,
) -> Result<String, StanzaError> {
    patch_status(current, captured, packages, native)
}

/// Gives each named package the stanza at hand, or none.
pub fn replace(
    current: &str,
    wanted: &BTreeMap<PackageId, Option<String>>,
    native: &Architecture,
) -> Result<String, StanzaError> {
    let current = Stanzas::parse(current)?;
    let mut printed = current.lead.to_owned();
    let mut placed = BTreeSet::new();
    for stanza in &current.items {
        let here = stanza.package(native).and_then(|package| wanted.get_key_value(&package));
        // A second stanza of the same package is an error in the file that a patch must not keep alive.
        match here.map(|(package, text)| if placed.insert(package) { text.as_deref() } else { None }) {
            None => printed.extend([stanza.text, stanza.gap]),
            Some(None) => {}
            Some(Some(text)) if bare(text) == bare(stanza.text) => printed.extend([stanza.text, stanza.gap]),
            Some(Some(text)) => {
                printed.extend([bare(text), "\n", if stanza.gap.is_empty() { "\n" } else { stanza.gap }]);
            }
        }
    }
    for text in wanted.iter().filter(|(package, _)| !placed.contains(package)).filter_map(|(_, text)| text.as_deref()) {
        if !printed.is_empty() && !printed.ends_with("\n\n") {
            printed.push_str(if printed.ends_with('\n') { "\n" } else { "\n\n" });
        }
        printed.extend([bare(text), "\n\n"]);
    }
    Ok(printed)
}

fn bare(stanza: &str) -> &str {
    stanza.trim_end_matches('\n')
}

fn is_field(line: &str) -> bool {
    line.split_once(':').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()) && !name.starts_with(['#', '-'])
    })
}

fn extended<'a>(text: &'a str, gap: &str, end: usize, line: &str) -> &'a str {
    &text[end - gap.len()..end + line.len()]
}

#[cfg(test)]
mod tests;

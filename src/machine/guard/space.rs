//! Whether the disk can hold an update together with what going back from it needs.

use belay_protocol::plan::Plan;
use belay_protocol::{Failure, Reason};

use crate::machine::effect::Facts;
use crate::machine::rules::{GuardRules, MEGABYTE};

/// The refusal of a plan that does not fit, with its figures.
pub(super) fn lack(plan: &Plan, rules: &GuardRules, facts: &Facts) -> Option<Failure> {
    let parts = [plan.download_bytes, plan.undo.bytes, growth(plan), rules.reserve_bytes];
    let needed = parts.into_iter().fold(0, u64::saturating_add);
    let nothing = plan.is_empty() && plan.undo.bytes == 0;
    if nothing || needed <= facts.free_bytes {
        return None;
    }
    // Rounded so that the figures never hide the lack.
    let mb = |bytes: u64| bytes.div_ceil(MEGABYTE);
    let [download, undo, growth, reserve] = parts.map(mb);
    let message = format!(
        "the disk has {} MB free and the update needs {} MB: {download} to download, {undo} for going back, about \
         {growth} to unpack, {reserve} in reserve; free {} MB, for instance with `belay-agent restore-point prune` \
         or `apt-get clean`",
        facts.free_bytes / MEGABYTE,
        mb(needed),
        mb(needed - facts.free_bytes)
    );
    Some(Failure::new(Reason::NoSpace, message))
}

/// About how many bytes dpkg needs to unpack: new packages stay, and of those that replace an older version the
/// largest stands beside it for a moment.
fn growth(plan: &Plan) -> u64 {
    let (mut stays, mut beside) = (0_u64, 0_u64);
    for change in &plan.changes {
        let packed = change.new.as_ref().map_or(0, |new| new.size);
        let unpacked = packed.saturating_mul(UNPACKED_BY_PACKED);
        match change.old {
            None => stays = stays.saturating_add(unpacked),
            Some(_) => beside = beside.max(unpacked),
        }
    }
    stays.saturating_add(beside)
}

/// A plan tells the size of the .debs alone; files compress to about a quarter.
const UNPACKED_BY_PACKED: u64 = 4;

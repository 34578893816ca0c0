//! Follows one check to its end: looks, asks the gate, waits, looks again.

use belay_protocol::health::CheckResult;

use super::probe::Seen;
use crate::clock;
use crate::machine::gate::{Assessment, Look, assess, pause};
use crate::machine::rules::CheckSpec;

/// Looks until the check has passed or failed.
pub(super) fn follow(spec: &CheckSpec, look: &dyn Fn() -> Seen) -> CheckResult {
    let begun = clock::monotonic();
    let mut looks = Vec::new();
    loop {
        let at = begun.elapsed();
        let Seen { passed, message } = look();
        looks.push(Look { at, passed, message: message.clone() });
        let end = |passed, message| CheckResult { name: spec.name.clone(), required: spec.required, passed, message };
        match assess(spec, &looks, begun.elapsed()) {
            Assessment::Pending => std::thread::sleep(pause(spec, &looks, begun.elapsed())),
            Assessment::Passed => return end(true, message),
            Assessment::Failed(why) => return end(false, why),
        }
    }
}

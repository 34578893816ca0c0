use belay_protocol::job::{JobId, Progress, Request};

use super::*;
use crate::host::Content;
use crate::machine::effect::{Arrived, Inspected, Inspection};

/// A host that must not be asked anything.
struct Unasked;

impl Host for Unasked {
    fn perform(&self, effect: &Effect, _: &dyn Fn(Progress)) -> Outcome {
        unreachable!("asked for {effect:?}")
    }

    fn receive(&self, download: &Effect, _: &mut dyn Content) -> Result<Arrived, Failure> {
        unreachable!("asked for {download:?}")
    }

    fn inspect(&self, inspection: &Inspection) -> Result<Inspected, Failure> {
        unreachable!("asked for {inspection:?}")
    }
}

#[test]
fn a_connection_that_says_nothing_is_let_go() {
    let (_silent, stream) = std::os::unix::net::UnixStream::pair().unwrap();
    let turns = Turns::new(None);
    turns.begin();
    let (ended, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = ended.send(converse(&Unasked, &turns, stream, Duration::from_millis(50)));
    });
    assert!(wait.recv_timeout(Duration::from_secs(5)).is_ok(), "it waits for ever");
}

#[test]
fn recovery_fails_by_name_where_the_device_may_stay_changed() {
    let open = |touched, stuck: Option<Failure>| OpenTransaction {
        job: JobId(7),
        request: Request::Rollback { to: None, approve: vec![], from: None },
        touched,
        stuck,
        awaits_reboot: false,
        assignment: None,
    };
    assert_eq!(is_closed(None), Ok(()));
    assert_eq!(is_closed(Some(&open(false, None))), Ok(()));
    let touched = is_closed(Some(&open(true, None))).unwrap_err();
    assert!(touched.message.contains("job 7 is still open"), "{touched}");
    let why = Failure::new(Reason::VaultDamaged, "the vault's a.deb is missing");
    let stuck = is_closed(Some(&open(true, Some(why)))).unwrap_err();
    assert_eq!(stuck.reason, Reason::VaultDamaged);
    assert!(stuck.message.contains("the vault's a.deb is missing"), "{stuck}");
}

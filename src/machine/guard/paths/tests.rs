use belay_protocol::plan::{FileAction, FileChange};

use super::*;

fn rules(allow_boot: bool) -> GuardRules {
    GuardRules {
        allowed_origins: Vec::new(),
        allow_boot,
        protected: Vec::new(),
        one_way: Vec::new(),
        boot: Vec::new(),
        paths: vec!["/etc/ssh".into(), "/usr/bin/belay*".into(), "/etc/fstab".into()],
        reserve_bytes: 0,
    }
}

#[test]
fn given_paths_then_what_the_device_needs_is_refused() {
    for (path, allow_boot, then) in [
        ("/etc/ssh", false, vec![Reason::GuardPath]),
        ("/etc/ssh/sshd_config", false, vec![Reason::GuardPath]),
        ("/etc/ssh2", false, vec![]),
        ("/etc", false, vec![]),
        ("/etc/fstab", true, vec![Reason::GuardPath]),
        ("/usr/bin/belay-agent", false, vec![Reason::GuardPath]),
        ("/boot", false, vec![Reason::GuardBoot]),
        ("/boot/firmware/config.txt", false, vec![Reason::GuardBoot]),
        ("/boot/firmware/config.txt", true, vec![]),
        ("/bootstrap", false, vec![]),
    ] {
        for action in [FileAction::Create, FileAction::Replace, FileAction::Delete, FileAction::Metadata] {
            let changes = [FileChange { path: path.into(), action, size: 0 }];
            let refusals = path_refusals(&changes, &rules(allow_boot));
            assert_eq!(refusals.iter().map(|failure| failure.reason).collect::<Vec<_>>(), then, "{path}");
            assert!(refusals.iter().all(|failure| failure.message.contains(path)), "{refusals:?}");
        }
    }
}

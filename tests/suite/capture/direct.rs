//! Scripts on the root itself, where that is not the machine's own.

use belay_protocol::Reason;

use super::*;

#[test]
fn a_direct_script_changes_the_root_and_neither_its_bundle_nor_the_system() {
    both("direct::a_direct_script_changes_the_root_and_neither_its_bundle_nor_the_system", |bench| {
        fs::remove_dir(bench.root().join("sys")).unwrap();
        let notes = bench.given(
            "set -e\necho new > /opt/app/program\nrm /etc/app.conf\ntouch here\ntouch /run/x /tmp/x\ntest -d /sys/kernel",
            |script| capture::run_directly(&bench.root(), &bench.scratch(), script),
        );
        assert_eq!(notes.unwrap_or_else(|failure| panic!("{failure}\n{}", bench.said())), Vec::<String>::new());
        assert_eq!(bench.text("opt/app/program"), "new\n");
        for gone in ["etc/app.conf", "run/x", "tmp/x", "sys"] {
            assert!(!bench.root().join(gone).exists(), "{gone}");
        }
        assert!(!bench.bundle().join("here").exists());
        assert!(!bench.scratch().exists());
    });
}

#[test]
fn a_direct_script_that_fails_half_way_has_changed_the_root_and_says_so() {
    both("direct::a_direct_script_that_fails_half_way_has_changed_the_root_and_says_so", |bench| {
        let failure = bench
            .given("echo new > /etc/app.conf\necho half\nexit 9", |script| {
                capture::run_directly(&bench.root(), &bench.scratch(), script)
            })
            .unwrap_err();
        assert_eq!(failure.reason, Reason::ScriptFailed);
        assert_eq!(failure.message, "install.sh ended with exit code 9; it said last:\nhalf");
        assert_eq!(bench.text("etc/app.conf"), "new\n");
        assert!(!bench.scratch().exists());
    });
}

use super::*;

#[test]
fn without_systemd_nothing_is_sent_and_nothing_fails() {
    assert!(std::env::var_os("NOTIFY_SOCKET").is_none(), "this test is about a process that systemd did not start");
    ready(Some("waiting"));
    ready(None);
    alive();
    status("job 7: planning");
    stopping();
    assert_eq!(watchdog_interval(), None);
}

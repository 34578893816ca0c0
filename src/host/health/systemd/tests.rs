use super::*;

#[test]
fn failed_units_are_read_with_and_without_the_mark() {
    let text = "demo.service                loaded failed failed Demo of a service. It fails\n\
                ● var-lib-demo\\x2ddata.mount loaded failed failed /var/lib/demo-data\n\
                * old@1.timer                loaded failed failed Old\n";
    assert_eq!(parse_failed(text), ["demo.service", "var-lib-demo\\x2ddata.mount", "old@1.timer"]);
    assert_eq!(parse_failed(""), [""; 0]);
}

#[test]
fn restart_counters_are_read_in_either_order_and_zero_is_left_out() {
    let text = "Id=demo.service\nNRestarts=3\n\nNRestarts=12\nId=old@1.service\n\nId=calm.service\nNRestarts=0\n\n\
                Id=odd.service\nNRestarts=[not set]\n";
    let expected = [("demo.service".to_owned(), 3), ("old@1.service".to_owned(), 12)];
    assert_eq!(parse_restarts(text), BTreeMap::from(expected));
    assert_eq!(parse_restarts(""), BTreeMap::new());
}

#[test]
fn a_systemctl_that_fails_does_not_count_as_nothing_to_tell() {
    let finished = Command::new("/bin/sh").args(["-c", "echo 'Failed to connect to bus' >&2; exit 1"]).run().unwrap();
    assert_eq!(answered(finished).unwrap_err(), "systemctl: Failed to connect to bus");
    assert_eq!(answered(Command::new("/bin/echo").args(["a.service"]).run().unwrap()).unwrap(), "a.service\n");
}

#[test]
fn a_counter_that_rises_while_watched_is_seen_even_below_its_old_height() {
    let counters = |counters: &[(&str, u64)]| -> BTreeMap<String, u64> {
        counters.iter().map(|(unit, count)| ((*unit).to_owned(), *count)).collect()
    };
    let settle = Duration::from_secs(10);
    for (first, last, then) in [
        (&[][..], &[][..], Seen::good("no service was restarted by systemd within 10 s")),
        (&[("a.service", 4)], &[("a.service", 4)], Seen::good("no service was restarted by systemd within 10 s")),
        (&[("a.service", 4)], &[("a.service", 1)], Seen::good("no service was restarted by systemd within 10 s")),
        (
            &[("a.service", 1)],
            &[("a.service", 3), ("b.service", 1)],
            Seen::bad("restarted by systemd within 10 s: a.service (2x), b.service (1x)"),
        ),
    ] {
        assert_eq!(compare(&counters(first), &counters(last), settle), then);
    }
}

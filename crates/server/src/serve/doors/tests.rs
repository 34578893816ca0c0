//! Who may be served in the clear.

use super::open_doors;

const HERE: [&str; 3] = ["127.0.0.1:80", "[::1]:80", "[::ffff:127.0.0.1]:80"];
const BEYOND: [&str; 4] = ["0.0.0.0:80", "[::]:80", "192.168.1.5:80", "[::ffff:10.0.0.1]:80"];

#[test]
fn this_machine_is_served_in_the_clear() {
    for address in HERE {
        assert_eq!(open_doors(&[address.parse().unwrap()], false, false), Ok(Vec::new()), "{address}");
    }
}

#[test]
fn other_machines_are_served_in_the_clear_only_where_it_was_asked_for_and_then_with_a_warning() {
    for address in BEYOND {
        let listen = ["127.0.0.1:80".parse().unwrap(), address.parse().unwrap()];
        let refused = open_doors(&listen, false, false).unwrap_err();
        assert!(refused.starts_with(&format!("{address} can be reached")), "{refused}");
        assert_eq!(open_doors(&listen, false, true).unwrap().len(), 1, "{address}");
        assert_eq!(open_doors(&listen, true, false), Ok(Vec::new()), "{address}");
    }
}

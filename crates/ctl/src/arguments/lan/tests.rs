use clap::Parser;

use crate::Arguments;

#[test]
fn a_network_that_would_take_hours_to_ask_is_refused() {
    let scan = |network| Arguments::try_parse_from(["belayctl", "lan", "scan", "--subnet", network]);
    assert!(scan("10.20.0.0/16").is_ok());
    let message = scan("10.0.0.0/8").unwrap_err().to_string();
    assert!(message.contains("16777216 addresses") && message.contains("/16"), "{message}");
    assert!(Arguments::try_parse_from(["belayctl", "lan", "ui", "--subnet", "0.0.0.0/0"]).is_err());
}

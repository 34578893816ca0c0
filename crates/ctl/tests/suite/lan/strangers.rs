//! Devices that are not what they say: whoever wants a token for nothing, or has a name that gives orders to terminals.

use super::world::*;

#[test]
fn a_token_for_all_goes_to_nobody_who_is_only_found() {
    let Some(lan) = Lan::new() else { return };
    let greedy = lan.stranger(66, "greedy");
    let token = lan.operator.write_secret("token", TOKEN);
    let shared = ["--token-file", token.to_str().unwrap(), "--plain-http"];
    let push = |to: &str| lan.run(&[&["lan", "push", "demo-app", "--to", to], &shared[..]].concat());

    let all = push("all");
    all.exits(2).says(&["(token_missing)"]).complains(&["is not shown to whoever is only found"]);
    assert!(!greedy.said().to_lowercase().contains("authorization"), "{}", greedy.said());
    // Named by its address it is meant, as it is once it stands in the site file.
    push("10.77.0.66");
    assert!(greedy.said().contains(TOKEN), "{}", greedy.said());
}

#[test]
fn a_name_gives_no_orders_to_a_terminal_and_forges_no_line() {
    let Some(lan) = Lan::new() else { return };
    let _forger = lan.stranger(67, "forger");
    for words in [
        &["lan", "scan", "--subnet", "10.77.0.67/32"][..],
        &["lan", "scan", "--subnet", "10.77.0.67/32", "--save"],
        &["lan", "push", "demo-app", "--to", "10.77.0.67", "--timeout", "3"],
        &["lan", "push", "demo-app", "--to", "all", "--timeout", "3"],
    ] {
        let shown = lan.run_on_a_terminal(words, "");
        let said = shown.stdout.as_str();
        assert!(said.contains("]0;owned 10.77.0.99  kitchen"), "the name stays readable: {shown}");
        for order in ["\u{1b}]0", "\u{7}", "\u{1b}[8m", "\u{1b}[2J0.1.0", "\n10.77.0.99"] {
            assert!(!said.contains(order), "{order:?} reached the terminal: {shown}");
        }
    }
}

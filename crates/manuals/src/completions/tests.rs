use super::*;
use crate::program;

#[test]
fn shells_offer_what_the_help_shows_and_nothing_hidden() {
    let [bash, zsh, fish] = of(&program::all()[0]);
    assert_eq!([&*bash.file, &*zsh.file, &*fish.file], ["belay-agent", "_belay-agent", "belay-agent.fish"]);
    for completion in [bash, zsh, fish] {
        let script = String::from_utf8(completion.script).unwrap();
        assert!(script.contains("restore-point") && script.contains("--token-file"), "{}", completion.file);
        assert!(!script.contains("apt-hook"), "{}", completion.file);
    }
}

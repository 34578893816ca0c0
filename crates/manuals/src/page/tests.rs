use super::*;
use crate::program;

#[test]
fn every_command_that_is_shown_in_the_help_stands_on_the_page_and_no_other() {
    for program in program::all() {
        let page = of(&program);
        for leaf in leaves(&program.command, program.name) {
            let name = leaf.get_bin_name().unwrap().replace('-', "\\-");
            assert!(page.contains(&name), "{name} is missing in\n{page}");
        }
    }
    let page = of(&program::all()[0]);
    assert!(!page.contains("apt\\-hook"), "{page}");
}

#[test]
fn the_page_says_how_the_program_ends() {
    let page = of(&program::all()[0]);
    let (_, codes) = page.split_once("EXIT STATUS").unwrap();
    assert!(codes.contains("\\fB4\\fR\na person must look at the device"), "{codes}");
}

#[test]
fn the_options_of_a_command_are_explained_below_it() {
    let page = of(&program::all()[0]);
    let (_, enrol) = page.split_once("belay\\-agent enrol").unwrap();
    assert!(enrol.contains("\\-\\-token\\-file"), "{enrol}");
    assert!(page.matches("\\-\\-json").count() == 1, "what holds for all commands is told once:\n{page}");
}

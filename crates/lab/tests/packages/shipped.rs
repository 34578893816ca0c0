//! That what is shipped works: programs, settings, man pages, completions, the scripts of older systems.

use belay_lab::OurDeb;
use belay_testkit::command::{command, output};

use crate::stage::{PACKAGES, SUITES, Stage};

#[test]
fn the_programs_start_on_each_release_and_the_shipped_settings_are_valid() {
    for suite in SUITES {
        let stage = Stage::new(suite);
        stage.root.install(&PACKAGES);
        for name in PACKAGES {
            let version = OurDeb::built(name).version();
            let (upstream, _) = version.rsplit_once('-').unwrap();
            assert_eq!(stage.root.sh(&format!("{name} --version")), format!("{name} {upstream}\n"));
        }
        stage.root.sh("belay-agent config check");
        stage.root.sh("runuser -u belay-server -- belay-server check");
    }
}

#[test]
fn the_scripts_of_older_systems_are_the_agents() {
    let stage = Stage::new(SUITES[0]);
    stage.root.install(&["belay-agent"]);
    for script in ["/opt/updates/rollback.sh 2.33.06", "/opt/updates/check-updates.sh"] {
        let ended = stage.root.run(&["sh", "-c", script]);
        assert_eq!(ended.status.code(), Some(5), "no agent runs here: {ended:?}");
    }
}

#[test]
fn every_man_page_renders_without_a_complaint() {
    let stage = Stage::new(SUITES[0]);
    stage.root.install(&PACKAGES);
    let pages = stage.root.sh("cat /var/lib/dpkg/info/belay*.list | grep /man/man./.*gz");
    assert_eq!(pages.lines().count(), 5, "{pages}");
    for page in pages.lines() {
        let rendered = output(
            command("sh")
                .args(["-c", "zcat | groff -man -Tutf8 -P-cbou -ww -rLL=100n", "sh"])
                .stdin(std::fs::File::open(stage.root.path(page)).unwrap()),
        );
        let (text, complaints) = (String::from_utf8_lossy(&rendered.stdout), String::from_utf8_lossy(&rendered.stderr));
        assert!(rendered.status.success() && complaints.is_empty(), "{page}: {complaints}");
        let name = page.rsplit('/').next().unwrap().trim_end_matches(".gz").rsplit_once('.').unwrap().0;
        assert!(text.contains("NAME") && text.contains("SEE ALSO") && text.contains(name), "{page}:\n{text}");
    }
}

#[test]
fn bash_completes_the_commands_of_each_program() {
    let stage = Stage::new(SUITES[1]);
    stage.root.install(&PACKAGES);
    for (name, begun, expected) in [
        ("belay-agent", "roll", "rollback"),
        ("belay-server", "enrol", "enrolment-token"),
        ("belayctl", "dep", "deployment"),
    ] {
        let script = format!(
            ". /usr/share/bash-completion/completions/{name}; words=($(complete -p {name})); COMP_WORDS=({name} {begun}); \
             COMP_CWORD=1; function=${{words[*]: -2:1}}; $function {name} {begun} {name}; echo \"${{COMPREPLY[*]}}\""
        );
        let said = stage.root.run(&["bash", "-ec", &script]);
        let words = String::from_utf8_lossy(&said.stdout).into_owned();
        assert_eq!(words.lines().last(), Some(expected), "{said:?}");
    }
}

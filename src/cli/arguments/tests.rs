use clap::CommandFactory;

use super::*;

fn parse(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(line.split_whitespace())
}

#[test]
fn the_definition_is_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn everything_documented_is_understood() {
    for line in [
        "belay-agent run",
        "belay-agent --config /etc/x.toml run",
        "belay-agent host --recover",
        "belay-agent status --json",
        "belay-agent --socket /tmp/s status",
        "belay-agent update list.txt",
        "belay-agent update -",
        "belay-agent update demo-app other=1.0 lib:arm64 --dry-run --approve guard_removal --approve window --key k",
        "belay-agent update demo-app --no-wait",
        "belay-agent rollback",
        "belay-agent rollback --to 3 --approve drift",
        "belay-agent rollback --to 2.33.06",
        "belay-agent rollback --to-generation 3",
        "belay-agent rollback --to-version 3",
        "belay-agent update --bundle b.tar.gz --version 2.33.07 --dry-run",
        "belay-agent update --bundle https://x/b --sha256 sha256:a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7 --manifest m.json --signature m.sig",
        "belay-agent plan --bundle b.tar.gz",
        "belay-agent bundles",
        "belay-agent poll --json",
        "belay-agent plan demo-app",
        "belay-agent history",
        "belay-agent verify",
        "belay-agent restore-point list",
        "belay-agent restore-point show 4",
        "belay-agent restore-point verify 4",
        "belay-agent restore-point prune --keep 3",
        "belay-agent config check",
        "belay-agent apt-hook /tmp/x",
        "belay-agent inside /tmp/x",
        "belay-agent inside --init /tmp/x",
    ] {
        parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn a_mistake_is_an_error_and_names_what_there_is() {
    for line in [
        "belay-agent update",
        "belay-agent rollback 3",
        "belay-agent rollback --to a/b",
        "belay-agent rollback --to 3 --to-version 3",
        "belay-agent rollback --to 3 --to-generation 3",
        "belay-agent rollback --to-generation 3 --to-version 3",
        "belay-agent rollback --to-generation x",
        "belay-agent update demo-app --bundle b.tar.gz",
        "belay-agent update demo-app --version 2",
        "belay-agent update demo-app --manifest m.json",
        "belay-agent update --bundle b --sha256 12",
        "belay-agent update --bundle b --signature m.sig",
        "belay-agent plan",
        "belay-agent update aa --approve no_space",
        "belay-agent restore-point",
        "belay-agent config",
        "belay-agent nonsense",
    ] {
        assert!(parse(line).is_err_and(|error| error.use_stderr()), "{line}");
    }
    let error = parse("belay-agent update aa --approve all").unwrap_err().to_string();
    insta::assert_snapshot!(error, @r"
    error: invalid value 'all' for '--approve <CODE>': these can be approved: guard_removal, guard_protected, guard_downgrade, guard_origin, guard_one_way, guard_held, guard_path, window, denied, older_version, drift

    For more information, try '--help'.
    ");
}

#[test]
fn the_help_is_a_page_that_one_reads() {
    insta::assert_snapshot!(Arguments::command().render_help(), @r"
    Updates this device from package lists, and can undo every update, offline

    Usage: belay-agent [OPTIONS] <COMMAND>

    Commands:
      run            Be the agent: serve the doors and carry out jobs, until stopped
      host           Be the half with root rights, for the agent; systemd starts it
      guard          Close what a power cut left open, and bring back an agent that cannot start; systemd runs it
      config         Work on the settings
      status         Show the generation in force, the running job and what to look at
      update         Install packages or a bundle; whatever fails is undone
      rollback       Go back to the state before the last update, or further
      plan           Show what an update would do, and change nothing
      history        Show the generations of this device and its last jobs
      bundles        List the bundles that this device kept, to go back to
      poll           Ask the server now whether it wants something done
      verify         Compare the device with its generation, and check what undo needs
      restore-point  Work on what undo needs
      enrol          Make this device known to a server, which it polls from then on
      help           Print this message or the help of the given subcommand(s)

    Options:
          --config <FILE>  Settings to read instead of /etc/belay/agent.toml
          --socket <PATH>  Socket of the agent, instead of the one in the settings
          --json           Answer in JSON and nothing else
      -h, --help           Print help
      -V, --version        Print version

    Exit codes:
      0  done as asked
      1  wrong usage, or another failure
      2  refused; nothing was changed
      3  failed and undone; the device is as before
      4  a person must look at the device
      5  the agent does not answer
      6  verification found something wrong
    ");
}

//! The program ends at a named point, as in a power cut, while real apt and dpkg work; the device is old or new, and
//! the verdict says which.
//!
//! Every point is cut once, the busiest ones deep inside the job; a seeded sample cuts those elsewhere. A failure
//! names its `FAILPOINTS`, and `BELAY_CUT` repeats that one; `BELAY_SEED` draws another sample.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;

use belay_agent::{daemon, host, journal};
use belay_protocol::job::{Generation, JobState};
use belay_testkit::ownership::{hand_over, write};
use belay_testkit::{Agent, Sandbox, Script, Snapshot, assert_same, wait_until};

use crate::support::*;

const TABLES: &[&[&str]] = &[
    journal::FAILPOINTS,
    daemon::engine::FAILPOINTS,
    host::database::FAILPOINTS,
    host::leftovers::FAILPOINTS,
    host::ledger::FAILPOINTS,
    host::local::FAILPOINTS,
    host::marks::FAILPOINTS,
    host::restore_point::FAILPOINTS,
    host::rollback_file::FAILPOINTS,
    host::settle::FAILPOINTS,
    host::tree::FAILPOINTS,
    host::vault::FAILPOINTS,
];

/// Points that every step of every job passes, with how often to pass them first: into the middle of the update.
const BUSY: &[(&str, u32)] = &[
    ("journal.write.before", 5),
    ("journal.write.after", 5),
    ("daemon.effect.before", 4),
    ("daemon.effect.after", 4),
    ("host.effect.before", 4),
    ("host.effect.after", 4),
    ("ledger.write.before", 4),
    ("ledger.write.after", 4),
];

/// Points that only a device passes on which dpkg was killed and nothing is left to undo; unit tests cut there.
const ELSEWHERE: &[&str] = &["settle.journal.before", "settle.journal.after"];

/// How many more cuts the sample makes.
const SAMPLE: u64 = 16;

/// How deep the sample cuts: about as often as the story passes a busy point.
const DEEPEST: u64 = 20;

#[test]
fn wherever_the_program_ends_the_device_is_old_or_new_and_the_verdict_says_which() {
    let template = template();
    let old = Snapshot::of(&template);
    let new = new_state(&template, &old);
    let cuts = Mutex::new(cuts().into_iter());
    let failures = Mutex::new(Vec::new());
    let missed = Mutex::new(BTreeSet::new());
    let work = || {
        loop {
            let Some((name, passes)) = cuts.lock().expect("no test panics here").next() else { return };
            let action = action(name, passes);
            match catch_unwind(AssertUnwindSafe(|| cut(&template, &action, &old, &new))) {
                Ok(true) => {}
                Ok(false) if passes == 0 => drop(missed.lock().expect("no test panics here").insert(name)),
                Ok(false) => {}
                Err(_) => failures.lock().expect("no test panics here").push(action),
            }
        }
    };
    let threads = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().expect("no test panics here");
    assert!(failures.is_empty(), "BELAY_SEED={}: the device was between old and new after {failures:#?}", seed());
    let missed = missed.into_inner().expect("no test panics here");
    assert!(missed.is_empty(), "the story never passes {missed:?}");
}

#[test]
fn every_table_of_failpoints_is_cut_here() {
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    let mut found = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the sources are here").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).expect("sources are text");
                found += text.matches("pub const FAILPOINTS").count();
            }
        }
    }
    let known = TABLES.len() + crate::bundle::cut::TABLES.len();
    assert_eq!(found, known, "a table is missing here or in bundle/cut.rs");
}

/// Every point once, and the sample; only the point of `BELAY_CUT` where that is set, to repeat a failure.
fn cuts() -> Vec<(&'static str, u32)> {
    let mut cuts = all_cuts();
    if let Ok(only) = std::env::var("BELAY_CUT") {
        cuts.retain(|(name, passes)| action(name, *passes) == only);
    }
    cuts
}

fn action(name: &str, passes: u32) -> String {
    if passes == 0 { format!("{name}=return") } else { format!("{name}={passes}*off->return") }
}

fn all_cuts() -> Vec<(&'static str, u32)> {
    let names: Vec<&'static str> =
        TABLES.iter().copied().flatten().copied().filter(|name| !ELSEWHERE.contains(name)).collect();
    let busy = |name: &str| BUSY.iter().find(|(busy, _)| *busy == name).map(|(_, passes)| *passes);
    let mut cuts: Vec<_> = names.iter().map(|name| (*name, busy(name).unwrap_or(0))).collect();
    let mut state = seed();
    let mut random = |bound: u64| {
        // splitmix64: enough to spread a few cuts, and the same everywhere.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    };
    for _ in 0..SAMPLE {
        // Only the busy points see the whole story; the others are passed once or twice.
        let index = usize::try_from(random(BUSY.len() as u64)).expect("an index");
        let passes = u32::try_from(random(DEEPEST)).expect("a small number");
        cuts.push((BUSY[index].0, 1 + passes));
    }
    cuts
}

fn seed() -> u64 {
    std::env::var("BELAY_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// Tells the story with one failpoint set; where it ends the program, starts it again and judges. Whether it did.
fn cut(template: &Sandbox, action: &str, old: &Snapshot, new: &Snapshot) -> bool {
    let sandbox = Sandbox::copy_of(template);
    let mut agent = start(&sandbox, Some(action));
    let told = tell_story(&mut agent, &sandbox);
    if told {
        assert_same(old, &Snapshot::of(&sandbox));
        return false;
    }
    agent.wait_exit();
    agent.kill_tree();
    let agent = start(&sandbox, None);
    let last = wait_idle(&agent);
    let generation = status(&agent).generation;
    let is_new = generation != Generation(0);
    assert_same(if is_new { new } else { old }, &Snapshot::of(&sandbox));
    assert_eq!(rollback_file(&sandbox).is_some(), is_new, "the rollback file is not this generation's");
    if let Some(last) = &last {
        let says_new = match (last.state, last.request.is_rollback()) {
            (JobState::Committed, _) | (JobState::Refused, true) => true,
            (JobState::RolledBack, _) | (JobState::Refused, false) => false,
            other => panic!("job {} ended as {other:?}: {}", last.id, last.message),
        };
        assert_eq!(says_new, is_new, "the verdict is {}: {}", last.state, last.message);
    } else {
        assert!(!is_new, "nobody knows who made generation {generation}");
    }
    assert_eq!(status(&agent).warnings, Vec::<String>::new());
    if is_new {
        assert_gone_back(&rollback(&agent));
        assert_same(old, &Snapshot::of(&sandbox));
    }
    true
}

/// An update that is unhealthy and undone, one that is committed, and the way back. Whether the agent lived through it.
fn tell_story(agent: &mut Agent<'_>, sandbox: &Sandbox) -> bool {
    let ready = wait_until("the agent to be ready or gone", PATIENCE, || {
        let ready = agent.is_in_service();
        if ready { Some(true) } else { agent.exit_status().map(|_| false) }
    });
    let sick = sandbox.run_dir().join("sick");
    ready
        && {
            write(&sick, "");
            lived_through(agent, "/update", &update_body(&["demo-app=2.0", "demo-lib=2.0", "demo-tool=1.0"]))
        }
        && {
            fs::remove_file(&sick).expect("it was just made");
            lived_through(agent, "/update", &update_body(&["demo-app=2.0", "demo-lib=2.0"]))
        }
        && lived_through(agent, "/rollback", "{}")
}

fn update_body(packages: &[&str]) -> String {
    serde_json::json!({ "packages": packages, "approve": ["denied", "guard_held"] }).to_string()
}

/// Asks for a job and waits for its end, or for the agent's.
fn lived_through(agent: &mut Agent<'_>, target: &str, body: &str) -> bool {
    let request = format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nPrefer: wait\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answer = String::new();
    let answered = UnixStream::connect(agent.socket()).and_then(|mut stream| {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request.as_bytes())?;
        stream.read_to_string(&mut answer)
    });
    answered.is_ok() && answer.starts_with("HTTP/1.1 200")
}

fn start<'a>(sandbox: &'a Sandbox, failpoints: Option<&str>) -> Agent<'a> {
    let sick = sandbox.run_dir().join("sick");
    let health = check(&["/usr/bin/test", "!", "-e", sick.to_str().expect("it is text")]);
    let launch = launch(sandbox).toml(&format!("[vault]\nkeep = 1\nmax_age_days = 0\n{health}"));
    match failpoints {
        Some(action) => launch.failpoints(action).spawn(),
        None => launch.start(),
    }
}

/// What the update makes of the device, and a proof that the story ends where it began.
fn new_state(template: &Sandbox, old: &Snapshot) -> Snapshot {
    let sandbox = Sandbox::copy_of(template);
    let mut agent = start(&sandbox, None);
    assert!(tell_story(&mut agent, &sandbox), "{}", agent.log_tail());
    let ends: Vec<JobState> = history(&agent).jobs.iter().rev().map(|job| job.state).collect();
    assert_eq!(ends, [JobState::RolledBack, JobState::Committed, JobState::RolledBack], "{}", agent.log_tail());
    assert_same(old, &Snapshot::of(&sandbox));
    assert!(
        lived_through(&mut agent, "/update", &update_body(&["demo-app=2.0", "demo-lib=2.0"])),
        "{}",
        agent.log_tail()
    );
    Snapshot::of(&sandbox)
}

/// A device with something of everything that an update can change.
fn template() -> Sandbox {
    let writes = "cd $DPKG_ROOT/etc; mkdir -p made.d; echo new >made.d/file; echo changed >local.conf; rm -rf doomed.conf doomed.d; \
                  ln -sfn elsewhere pointer; ln -sfn nowhere made.d/link";
    let debs = [
        demo("1.0").conffile("/etc/demo-gone.conf", "1.0\n"),
        demo("2.0").depends("demo-lib (>= 2.0), demo-new, demo-rc").script(Script::Postinst, writes),
        package("demo-lib", "1.0"),
        package("demo-lib", "2.0"),
        package("demo-new", "1.0"),
        package("demo-rc", "1.0").script(Script::Postrm, "true"),
        package("demo-rc", "2.0").script(Script::Postrm, "true # 2.0"),
        package("demo-tool", "1.0"),
    ];
    let sandbox = sandbox_with(&debs, &["demo-app=1.0", "demo-lib=1.0", "demo-rc=1.0"]);
    assert!(sandbox.apt(&["remove", "demo-rc"]).status.success());
    for mark in ["auto", "hold"] {
        let marked = sandbox.command("apt-mark").args([mark, "demo-lib"]).output().expect("apt-mark starts");
        assert!(marked.status.success(), "{marked:?}");
    }
    write(&sandbox.path("etc/demo-app.conf"), "version = mine\n");
    write(&sandbox.path("etc/local.conf"), "of the device\n");
    write(&sandbox.path("etc/doomed.conf"), "of the device\n");
    write(&sandbox.path("etc/doomed.d/file"), "of the device\n");
    std::os::unix::fs::symlink("here", sandbox.path("etc/pointer")).expect("a link can be made");
    hand_over(&sandbox.path("etc/pointer"));
    sandbox
}

//! `powercut`: records a device's disk, tries what power cuts leave of it, and cuts the power of a live one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use belay_powercut::campaign::Campaign;
use belay_powercut::command::{command, run};
use belay_powercut::cuts::{self, Cut};
use belay_powercut::image::Recipe;
use belay_powercut::mount::isolate;
use belay_powercut::results::{self, Outcome, Results};
use belay_powercut::story::{Recording, Story};
use belay_powercut::tools::{self, Tools};
use belay_powercut::{kills, record};
use clap::{Args, Parser, Subcommand};

/// Records a device's disk, tries what power cuts leave of it, and cuts the power of a live one.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where everything is kept: tools, the recording, results
    #[arg(long, global = true, default_value = "target")]
    target: PathBuf,
    /// The agent's package; the newest in TARGET/debian otherwise
    #[arg(long, global = true)]
    deb: Option<PathBuf>,
    /// What chooses the parts of unflushed writes, and samples
    #[arg(long, global = true, default_value_t = 1)]
    seed: u64,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Record the jobs, unless that was done with this package
    Record,
    /// Try disks; those that were tried before are left out
    Run(Selection),
    /// Cut the power of a running machine ten times, in phases chosen by what it says
    Kill {
        /// Only this one of the ten
        #[arg(long)]
        case: Option<usize>,
    },
    /// Show what came of the disks that were tried, as a table in Markdown
    Table,
}

#[derive(Debug, Args)]
struct Selection {
    /// A sample of so many
    #[arg(long, short = 'n', conflicts_with_all = ["shard", "case"])]
    number: Option<usize>,
    /// Subsets beside each flush boundary
    #[arg(long, default_value_t = 1)]
    subsets: usize,
    /// One part of all, such as 1/8
    #[arg(long, value_parser = shard, conflicts_with = "case")]
    shard: Option<(usize, usize)>,
    /// How many at a time; the most part of each is waiting
    #[arg(long, default_value_t = 3)]
    jobs: usize,
    /// Only this one, whatever came of it before; its disk is kept
    #[arg(long)]
    case: Option<usize>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let told = match tools::missing() {
        Some(what) => Err(what),
        None => isolate().and_then(|()| obey(&arguments)),
    };
    match told {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            say(&format!("powercut: {why}"));
            ExitCode::from(2)
        }
    }
}

fn obey(arguments: &Arguments) -> Result<bool, String> {
    let target =
        arguments.target.canonicalize().map_err(|error| format!("no {}: {error}", arguments.target.display()))?;
    let home = target.join("powercut");
    let recording = Recording::new(&home.join("recording"));
    let deb = arguments.deb.clone().map_or_else(|| newest_deb(&target), Ok)?;
    let digest = belay_testkit::deb::digest_of(&deb).0[..12].to_owned();
    let tools = Tools::provide(&target.join("tools/qemu"))?;
    let recipe = Recipe { deb };
    let mut agent = Story::of(&recording).map(|story| story.agent).unwrap_or_default();
    if !agent.ends_with(&digest) {
        agent = format!("{}-{digest}", commit());
        say(&format!("recording {agent}: an update, a rollback, a bundle, its rollback"));
        let _ = fs::remove_dir_all(recording.folder());
        record::record(&tools, &recipe, &recording, &agent)?;
    }
    let results = home.join("results").join(format!("{agent}-seed-{}", arguments.seed));
    match &arguments.verb {
        Verb::Record => Ok(true),
        Verb::Table => {
            say(&results::table(&results::all_in(&results)));
            Ok(true)
        }
        Verb::Run(selection) => try_disks(&recording, &results, selection, arguments.seed),
        Verb::Kill { case } => {
            let work = workplace()?;
            kills::all(&tools, &recording, work.path(), *case, &mut say)
        }
    }
}

fn try_disks(recording: &Recording, folder: &Path, selection: &Selection, seed: u64) -> Result<bool, String> {
    let work = workplace()?;
    let mut campaign = Campaign::open(recording, work.path(), seed)?;
    let gaps = campaign.gaps();
    let plan = cuts::plan(&gaps, selection.subsets);
    say(&format!("{} flushes with something to flush, {} disks in all, seed {seed}", gaps.len(), plan.len()));
    let (cuts, name) = chosen(plan, selection, seed);
    if selection.case.is_some() {
        let mut results = Results::open(work.path(), &name)?;
        let failed = campaign.run(&cuts, &mut results, &mut |outcome| say(&line(outcome, seed)))?;
        say(&format!("the disk, as it was left: {}", work.keep().join("cut.img").display()));
        return Ok(failed == 0);
    }
    drop(campaign);
    let one = |part: usize| {
        let work = workplace()?;
        let mut campaign = Campaign::open(recording, work.path(), seed)?;
        let mut results = Results::open(folder, &format!("{name}.{part}"))?;
        let cuts = cuts::shard(cuts.clone(), part, selection.jobs);
        campaign.run(&cuts, &mut results, &mut |outcome| say(&line(outcome, seed)))
    };
    let ends: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = (1..=selection.jobs).map(|part| scope.spawn(move || one(part))).collect();
        running
            .into_iter()
            .map(|part| part.join().unwrap_or_else(|_| Err("a part of it fell over".to_owned())))
            .collect()
    });
    let all = results::all_in(folder);
    say(&results::table(&all));
    ends.into_iter().collect::<Result<Vec<_>, _>>()?;
    let came: Vec<_> = cuts.iter().filter_map(|cut| all.get(&cut.index)).collect();
    let failed = came.iter().filter(|outcome| outcome.verdict == "failed").count();
    say(&format!(
        "{} disks asked for, {} tried, {failed} failed; all results: {}",
        cuts.len(),
        came.len(),
        folder.display()
    ));
    Ok(failed == 0 && came.len() == cuts.len())
}

fn chosen(plan: Vec<Cut>, selection: &Selection, seed: u64) -> (Vec<Cut>, String) {
    if let Some(case) = selection.case {
        (plan.into_iter().filter(|cut| cut.index == case).collect(), "case".to_owned())
    } else if let Some(number) = selection.number {
        (cuts::sample(&plan, number, seed), format!("sample-{number}"))
    } else if let Some((part, parts)) = selection.shard {
        (cuts::shard(plan, part, parts), format!("shard-{part}-of-{parts}"))
    } else {
        (plan, "all".to_owned())
    }
}

fn line(outcome: &Outcome, seed: u64) -> String {
    let Outcome { index, phase, kind, verdict, milliseconds, why, .. } = outcome;
    let line = format!("{index:>5} {kind:<8} {verdict:<6} {milliseconds:>6} ms  {phase}");
    if why.is_empty() {
        return line;
    }
    format!("{line}\n{why}\nonce more: powercut --seed {seed} run --case {index}")
}

/// The newest package of the agent for this machine, as `make deb` leaves it.
fn newest_deb(target: &Path) -> Result<PathBuf, String> {
    let debs = fs::read_dir(target.join("debian")).into_iter().flatten().flatten().map(|entry| entry.path());
    let ours = debs.filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("belay-agent_") && name.ends_with("_amd64.deb")
    });
    let newest = ours.max_by_key(|path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok());
    newest.ok_or_else(|| "needs the agent's package: make deb".to_owned())
}

/// The commit that the tree is at.
fn commit() -> String {
    let commit = run(command("git").args(["rev-parse", "--short=12", "HEAD"]));
    commit.map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// A folder for disks: in memory, where there is a place for that. What a process that was killed left there goes first.
fn workplace() -> Result<tempfile::TempDir, String> {
    let shared = PathBuf::from("/dev/shm");
    let memory = if shared.is_dir() { shared } else { std::env::temp_dir() };
    for entry in fs::read_dir(&memory).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner.to_string()).exists()) {
            let _ = run(command("rm").args(["-rf", "--one-file-system"]).arg(entry.path()));
        }
    }
    let prefix = format!("{PREFIX}{}-", std::process::id());
    let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(&memory);
    folder.map_err(|error| format!("cannot make a folder in {}: {error}", memory.display()))
}

const PREFIX: &str = "belay-powercut-";

fn shard(text: &str) -> Result<(usize, usize), String> {
    let numbers = text.split_once('/').and_then(|(part, parts)| Some((part.parse().ok()?, parts.parse().ok()?)));
    match numbers {
        Some((part, parts)) if (1..=parts).contains(&part) => Ok((part, parts)),
        Some(_) | None => Err("a shard is i/n, such as 1/8".to_owned()),
    }
}

#[expect(clippy::print_stdout, reason = "this is a program for people")]
fn say(text: &str) {
    println!("{text}");
}

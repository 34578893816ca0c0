//! `belayctl release watch`: publishes what appears in a folder, once, and remembers it.
//!
//! It looks again and again instead of being told: the folder may lie on another machine. `name` says what an archive's
//! name means, `judge` decides what is done with each file, `ledger` remembers across runs.

mod judge;
mod ledger;
mod name;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use belay_protocol::admin::ReleaseName;
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use utoipa::ToSchema;

use self::judge::{Looks, Seen, Step};
use self::ledger::{Ledger, Record};
use super::publish::{Order, bring};
use crate::arguments::{Connection, WatchFolder};
use crate::client::Client;
use crate::error::CtlError;
use crate::exit::Exit;
use crate::output::Output;
use crate::payload::Payload;
use crate::{clock, profile, render, signing};

/// What `release watch` answers at its end.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub(crate) struct Watched {
    /// What became of each file that was worked on, in that order.
    pub(crate) files: Vec<WatchedFile>,
}

/// What became of a file.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct WatchedFile {
    /// Its name.
    pub(crate) file: String,
    /// What became of it.
    pub(crate) became: Became,
    /// The release that it is; none where its name says none.
    pub(crate) release: Option<ReleaseName>,
    /// What is to be known about that, for people.
    pub(crate) message: String,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Became {
    /// It is published now.
    Published,
    /// The server had it already.
    WasThere,
    /// It is not complete yet.
    Waiting,
    /// It could not be published, and will be tried again.
    Failed,
    /// The server refused it for good.
    Refused,
    /// It is another file than the one that was published under its name.
    Changed,
    /// Its name says no release.
    Ignored,
}

pub(super) async fn run(connection: &Connection, output: &Output, watch: WatchFolder) -> Result<Exit, CtlError> {
    let target = profile::target(connection, output)?;
    let client = Client::new(&target)?;
    if watch.interval == 0 && !watch.once {
        return Err(CtlError::Usage("--interval 0 is for --once: a watcher waits between two looks".to_owned()));
    }
    // Whoever starts this is told of a wrong key or password, and not the journal of the first night.
    if let Some(key) = &watch.sign {
        signing::try_key(key)?;
    }
    let folder = fs::canonicalize(&watch.dir);
    let folder = folder.map_err(|source| CtlError::File { path: watch.dir.clone(), source })?;
    let mut ledger = Ledger::open(watch.ledger.clone(), &folder, client.server().as_str())?;
    if watch.retry {
        ledger.forget_failures()?;
    }
    let ended = Ended::new()?;
    let mut watcher =
        Watcher { client, output, folder, watch, ledger, looks: Looks::default(), told: Watched::default() };
    output.tell(&format!("watching {}", watcher.folder.display()));
    watcher.run(ended).await?;
    output.answer(&watcher.told, render::watch_folder::watched);
    Ok(watcher.exit())
}

struct Watcher<'a> {
    client: Client,
    output: &'a Output,
    folder: PathBuf,
    watch: WatchFolder,
    ledger: Ledger,
    looks: Looks,
    told: Watched,
}

impl Watcher<'_> {
    async fn run(&mut self, mut ended: Ended) -> Result<(), CtlError> {
        let interval = Duration::from_secs(self.watch.interval);
        for look in 1_u32.. {
            match scan(&self.folder) {
                Ok(found) => {
                    for (file, seen) in found {
                        if ended.is_asked_for() {
                            return Ok(());
                        }
                        self.look_at(&file, seen).await?;
                    }
                }
                Err(source) if self.watch.once => return Err(CtlError::File { path: self.folder.clone(), source }),
                Err(error) => self.looks.once("", || self.output.tell(&format!("the folder cannot be read: {error}"))),
            }
            if self.watch.once && look == 2 {
                return Ok(());
            }
            // What was seen for the first time is looked at again soon: that it does not grow says that it is complete.
            let pause = if self.watch.once || self.looks.is_unsure() { interval.min(SOON) } else { interval };
            if ended.within(pause).await {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn look_at(&mut self, file: &str, seen: Seen) -> Result<(), CtlError> {
        let name = match name::read(file, &self.watch.rings) {
            Ok(name) => name,
            Err(message) => {
                if self.looks.is_news(file, seen) {
                    self.tell(file, Became::Ignored, None, message);
                }
                return Ok(());
            }
        };
        match judge::judge(self.looks.saw(file, seen), self.ledger.record(file), seen, clock::now()) {
            Step::Nothing => Ok(()),
            Step::Publish => self.publish(file, seen, name).await,
            Step::Compare => self.compare(file, seen, name),
        }
    }

    async fn publish(&mut self, file: &str, seen: Seen, name: ReleaseName) -> Result<(), CtlError> {
        let order = match self.order(file, &name) {
            Ok(order) => order,
            Err(error) if judge::waits_for_change(&error) => return self.wait(file, seen, name, error.to_string()),
            Err(error) => return self.failed(file, seen, name, &error),
        };
        let Some(sha256) = order.payload.bundle().map(|bundle| bundle.archive.sha256) else { return Ok(()) };
        match bring(&self.client, self.output, order).await {
            Ok(published) => {
                self.ledger.write(file, Record::published(seen, sha256, name.clone(), clock::now()))?;
                let became = if published.new { Became::Published } else { Became::WasThere };
                let warnings: Vec<_> = published.warnings.iter().map(|warning| format!("; {warning}")).collect();
                self.tell(file, became, Some(name), format!("sha256 {sha256}{}", warnings.concat()));
            }
            Err(error) if judge::is_final(&error) => {
                self.ledger.write(file, Record::refused(seen, sha256, name.clone(), error.to_string()))?;
                self.tell(file, Became::Refused, Some(name), error.to_string());
            }
            Err(error) => return self.failed(file, seen, name, &error),
        }
        Ok(())
    }

    fn order(&self, file: &str, name: &ReleaseName) -> Result<Order, CtlError> {
        let order = Order {
            name: name.clone(),
            payload: Payload::read_tar_gz(&self.folder.join(file), self.output)?,
            manifest: None,
            approve: self.watch.approve.clone(),
            notes: format!("Auto-published from {file}"),
        };
        order.vouched(self.watch.sign.as_deref())
    }

    fn failed(&mut self, file: &str, seen: Seen, name: ReleaseName, error: &CtlError) -> Result<(), CtlError> {
        let record = Record::failed(seen, self.ledger.record(file), name.clone(), error, clock::now());
        let again = record.again();
        self.ledger.write(file, record)?;
        let again = again.map(|at| format!("; again at {at}")).unwrap_or_default();
        self.tell(file, Became::Failed, Some(name), format!("{error}{again}"));
        Ok(())
    }

    /// Another file under a name that was published: said once, and never published over the first.
    fn compare(&mut self, file: &str, seen: Seen, name: ReleaseName) -> Result<(), CtlError> {
        let now = match crate::transfer::look_at(&self.folder.join(file), self.output) {
            Ok(archive) => archive.sha256,
            Err(error) => {
                // It is compared at the next look; that it was not is said once.
                if self.looks.is_news(file, seen) {
                    self.tell(file, Became::Failed, Some(name), error.to_string());
                }
                return Ok(());
            }
        };
        if self.ledger.compared(file, seen, now)? {
            return Ok(());
        }
        let message = "it changed after it was published; a release never changes: give it another version".to_owned();
        self.tell(file, Became::Changed, Some(name), message);
        Ok(())
    }

    fn wait(&mut self, file: &str, seen: Seen, name: ReleaseName, why: String) -> Result<(), CtlError> {
        self.looks.waits(file, seen);
        self.tell(file, Became::Waiting, Some(name), format!("{why}; looked at again once it changes"));
        Ok(())
    }

    fn tell(&mut self, file: &str, became: Became, release: Option<ReleaseName>, message: String) {
        let news = WatchedFile { file: file.to_owned(), became, release, message };
        self.output.tell(&render::watch_folder::line(&news));
        self.told.files.push(news);
        // A watcher that runs for a year remembers the last of it.
        let surplus = self.told.files.len().saturating_sub(MOST_TOLD);
        self.told.files.drain(..surplus);
    }

    /// Ended by a signal it did as asked; where it looked once, somebody asks how that went.
    fn exit(&self) -> Exit {
        let any = |wanted: &[Became]| self.told.files.iter().any(|file| wanted.contains(&file.became));
        let bad = any(&[Became::Failed, Became::Refused, Became::Changed]);
        if self.watch.once && bad { Exit::NotDeployed } else { Exit::Done }
    }
}

/// The archives in a folder, by name.
fn scan(folder: &Path) -> io::Result<BTreeMap<String, Seen>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') || !name.ends_with(name::ENDING) {
            continue;
        }
        // Followed, for a link is as good; what is gone by now is not there.
        if let Ok(metadata) = fs::metadata(entry.path())
            && metadata.is_file()
        {
            found.insert(name, Seen::of(&metadata));
        }
    }
    Ok(found)
}

/// Whether somebody wants this to end.
struct Ended {
    terminate: Signal,
    interrupt: Signal,
    asked_for: bool,
}

impl Ended {
    fn new() -> Result<Self, CtlError> {
        let of = |kind| signal(kind).map_err(|source| CtlError::Runtime { source });
        Ok(Self { terminate: of(SignalKind::terminate())?, interrupt: of(SignalKind::interrupt())?, asked_for: false })
    }

    /// Whether it was asked for while something else was done.
    fn is_asked_for(&mut self) -> bool {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        self.asked_for |= self.terminate.poll_recv(&mut context).is_ready();
        self.asked_for |= self.interrupt.poll_recv(&mut context).is_ready();
        self.asked_for
    }

    /// Waits so long; `true` where it is asked for before.
    async fn within(&mut self, pause: Duration) -> bool {
        if self.is_asked_for() {
            return true;
        }
        tokio::select! {
            _ = self.terminate.recv() => true,
            _ = self.interrupt.recv() => true,
            () = tokio::time::sleep(pause) => false,
        }
    }
}

/// How soon a new file is looked at again.
const SOON: Duration = Duration::from_secs(5);

const MOST_TOLD: usize = 1000;

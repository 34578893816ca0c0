//! Goes through a plan of cuts on one recording: makes each disk, has it judged, keeps what came of it.

use std::path::{Path, PathBuf};

use crate::cuts::{Cut, Gap, Kind, gaps};
use crate::disk::Disk;
use crate::judge::{Expected, Legal, Side, judge};
use crate::log::Log;
use crate::mount::Mounted;
use crate::payload::Job;
use crate::results::{Outcome, Results};
use crate::state::{Known, State};
use crate::story::{Recording, Story};

/// A recording that is being gone through.
#[derive(Debug)]
pub struct Campaign {
    story: Story,
    log: Log,
    disk: Disk,
    known: Known,
    legal: Vec<(Job, State, State)>,
    work: PathBuf,
    point: PathBuf,
    seed: u64,
}

impl Campaign {
    /// Opens a recording; disks are made in `work`, which lies in memory where the machine has enough.
    ///
    /// # Errors
    /// When the recording cannot be read, or is not what it says.
    pub fn open(recording: &Recording, work: &Path, seed: u64) -> Result<Self, String> {
        let story = Story::of(recording)?;
        let log = Log::open(&recording.log()).map_err(|error| format!("cannot read the log: {error}"))?;
        let disk = Disk::new(recording, &work.join("replayed.img"))?;
        let point = work.join("root");
        let mut campaign =
            Self { known: Known::default(), legal: Vec::new(), work: work.to_owned(), story, log, disk, point, seed };
        campaign.known = campaign.with_replayed(0, Known::of)?;
        for chapter in campaign.story.chapters.clone() {
            let old = campaign.state_at(chapter.from)?;
            let new = campaign.state_at(chapter.until)?;
            if old.differences(&new).is_empty() {
                return Err(format!("{} changed nothing: there is nothing to judge by", chapter.job.name()));
            }
            campaign.legal.push((chapter.job, old, new));
        }
        campaign.there_and_back()?;
        Ok(campaign)
    }

    /// Whether each way back, that nothing interrupted, led exactly to where the way forth had begun.
    fn there_and_back(&self) -> Result<(), String> {
        for pair in self.legal.chunks_exact(2) {
            let ((_, before, _), (job, _, after)) = (&pair[0], &pair[1]);
            let differences = before.differences(after);
            if !differences.is_empty() {
                return Err(format!(
                    "the {} was not interrupted, and yet:\n  {}",
                    job.name(),
                    differences.join("\n  ")
                ));
            }
        }
        Ok(())
    }

    /// Everything that can be cut.
    pub fn gaps(&self) -> Vec<Gap> {
        gaps(self.log.entries(), &self.story)
    }

    /// Tries these cuts, but not those that were found good before. Returns how many failed.
    ///
    /// # Errors
    /// When the campaign itself cannot go on.
    pub fn run(
        &mut self,
        cuts: &[Cut],
        results: &mut Results,
        tell: &mut dyn FnMut(&Outcome),
    ) -> Result<usize, String> {
        let done = results.all();
        let mut failed = 0;
        for cut in cuts.iter().filter(|cut| done.get(&cut.index).is_none_or(|outcome| outcome.verdict == "failed")) {
            let outcome = self.attempt(cut)?;
            failed += usize::from(outcome.verdict == "failed");
            results.add(&outcome)?;
            tell(&outcome);
        }
        Ok(failed)
    }

    fn attempt(&mut self, cut: &Cut) -> Result<Outcome, String> {
        let begin = now();
        let image = self.work.join("cut.img");
        self.disk.cut(&self.log, cut, self.seed, &image)?;
        let verdict = judge(&image, &self.point, &self.known, &self.expected(cut.gap.job, cut.gap.answered)?);
        let flush = self.log.entries()[cut.gap.entries.end].end;
        Ok(Outcome {
            index: cut.index,
            job: cut.gap.job.name().to_owned(),
            phase: self.story.phase(flush).to_owned(),
            kind: match cut.kind {
                Kind::Boundary => "boundary",
                Kind::Subset => "subset",
            }
            .to_owned(),
            verdict: match verdict {
                Ok(Side::Old) => "old",
                Ok(Side::New) => "new",
                Err(_) => "failed",
            }
            .to_owned(),
            milliseconds: u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX),
            why: verdict.err().unwrap_or_default(),
        })
    }

    /// Makes the disk that the device had just before a job, everything flushed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn disk_before(&mut self, job: Job, image: &Path) -> Result<(), String> {
        let chapter = self.story.chapters.iter().find(|chapter| chapter.job == job);
        let from = chapter.ok_or_else(|| format!("the story has no {}", job.name()))?.from;
        let count = self.log.entries().partition_point(|entry| entry.end <= from);
        self.disk.advance_to(&self.log, count)?;
        self.disk.copy_to(image)
    }

    /// Judges a disk whose power went during this job, before the device had answered.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn judge_live(&self, job: Job, image: &Path) -> Result<Side, String> {
        judge(image, &self.point, &self.known, &self.expected(job, false)?)
    }

    fn expected(&self, job: Job, answered: bool) -> Result<Expected, String> {
        let legal = self.legal.iter().find(|(other, _, _)| *other == job);
        let (_, old, new) = legal.ok_or_else(|| format!("the story has no {}", job.name()))?;
        let (before, after) = job.generations();
        Ok(Expected {
            job,
            old: Legal { state: old.clone(), generation: before },
            new: Legal { state: new.clone(), generation: after },
            may_be_old: !answered,
        })
    }

    /// The state of the device when the log was so long; everything was flushed then.
    fn state_at(&mut self, length: u64) -> Result<State, String> {
        let count = self.log.entries().partition_point(|entry| entry.end <= length);
        let known = self.known.clone();
        self.with_replayed(count, |root| State::of(root, &known))
    }

    /// Looks at the disk on which so many entries were carried out.
    fn with_replayed<T>(&mut self, count: usize, look: impl FnOnce(&Path) -> Result<T, String>) -> Result<T, String> {
        let image = self.work.join("reference.img");
        self.disk.advance_to(&self.log, count)?;
        self.disk.copy_to(&image)?;
        let mounted = Mounted::new(&image, &self.point)?;
        let seen = look(mounted.point());
        drop(mounted);
        let _ = std::fs::remove_file(&image);
        seen
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a disk took is measured, and decides nothing")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

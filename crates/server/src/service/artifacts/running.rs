//! Artifacts that are being put together in this process: each by one assembly at a time, whoever asks for it, and to its
//! end, whoever leaves. A proxy that waits no longer makes a client ask again, and each assembly takes room for all of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use belay_protocol::Sha256;
use futures_util::FutureExt;
use futures_util::future::Shared;
use tokio::sync::oneshot;

use super::{Assembly, NotAssembled};
use crate::artifacts::Stored;
use crate::service::{Kind, ServiceError};

/// What came of an assembly.
type Answer = Result<Stored, NotAssembled>;

/// Assemblies that are running, by what they make.
#[derive(Debug, Default)]
pub(in crate::service) struct Running(Mutex<BTreeMap<Sha256, One>>);

/// One assembly.
#[derive(Debug, Clone)]
struct One {
    assembly: Arc<Assembly>,
    answer: Shared<oneshot::Receiver<Answer>>,
}

/// Ends one, also where it panics.
struct End {
    running: Arc<Running>,
    sha256: Sha256,
    sender: Option<oneshot::Sender<Answer>>,
    answer: Option<Answer>,
}

impl Running {
    /// What comes of an assembly: of the one that is running, if it is the same, else of one that `work` begins. Another
    /// one of the same artifact is waited for before.
    pub(super) async fn answer<W>(self: &Arc<Self>, assembly: Assembly, work: impl Fn(Arc<Assembly>) -> W) -> Answer
    where
        W: Future<Output = Answer> + Send + 'static,
    {
        let assembly = Arc::new(assembly);
        let mut waited = false;
        loop {
            let (one, begun) = self.join_or_begin(&assembly, &work);
            let answer = one.answer.await.unwrap_or_else(|_| Err(ended_early()));
            let outdated = !begun && !waited && may_be_outdated(&answer);
            if one.assembly == assembly && !outdated {
                return answer;
            }
            waited = true;
        }
    }

    fn join_or_begin<W>(self: &Arc<Self>, assembly: &Arc<Assembly>, work: impl Fn(Arc<Assembly>) -> W) -> (One, bool)
    where
        W: Future<Output = Answer> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let one = One { assembly: Arc::clone(assembly), answer: receiver.shared() };
        {
            let mut running = self.lock();
            if let Some(one) = running.get(&assembly.sha256) {
                return (one.clone(), false);
            }
            running.insert(assembly.sha256, one.clone());
        }
        // A runtime that ends drops it at once, which takes it out again.
        let end = End { running: Arc::clone(self), sha256: assembly.sha256, sender: Some(sender), answer: None };
        let work = work(Arc::clone(assembly));
        tokio::spawn(async move { end.tell(work.await) });
        (one, true)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Sha256, One>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl End {
    fn tell(mut self, answer: Answer) {
        self.answer = Some(answer);
    }
}

impl Drop for End {
    fn drop(&mut self) {
        // Who is told to come again must not find it running.
        self.running.lock().remove(&self.sha256);
        if let (Some(sender), Some(answer)) = (self.sender.take(), self.answer.take()) {
            // Where nobody waits any more, whoever asks again finds what came of it.
            let _ = sender.send(answer);
        }
    }
}

/// One that was running before this was asked for may not have seen the pieces that came last: some were not missing, or
/// lie about though they are of no use any more. Whoever looks again finds out soon.
fn may_be_outdated(answer: &Answer) -> bool {
    match answer {
        Ok(_) | Err(NotAssembled::Missing(_)) => true,
        Err(NotAssembled::Refused(_) | NotAssembled::Failed(_)) => false,
    }
}

fn ended_early() -> NotAssembled {
    ServiceError::new(Kind::Internal, "artifact_store", "what put an artifact together ended early").into()
}

#[cfg(test)]
mod tests;

//! What becomes of syncs that wait when the server ends.

use super::*;
use crate::clock::Clock;
use crate::service::Options;
use crate::store::Store;

#[tokio::test]
async fn at_the_end_the_first_outage_answers_all_that_wait() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open("", folder.path()).await.unwrap();
    let service = Service::new(store, Clock::System, Options::default());
    for (ends, left) in [(false, 3), (true, 0)] {
        let answers: Vec<_> = (0..3).map(|_| service.recorder.wait()).collect();
        service.recorder.queue().ends = ends;
        service.stats.waiting.add(3);
        let given_up = service.given_up();
        assert_eq!((service.recorder.queue().waiting.len(), given_up.len()), (left, 3 - left));
        service.recorder.queue().waiting.clear();
        drop(answers);
    }
}

impl Recorder {
    fn wait(&self) -> oneshot::Receiver<Result<Taken, ServiceError>> {
        let (answer, answered) = oneshot::channel();
        let job = Arc::new(Job { device: "d_1".parse().unwrap(), request: SyncRequest::default() });
        self.queue().waiting.push_back(Waiting { job, answer });
        answered
    }
}

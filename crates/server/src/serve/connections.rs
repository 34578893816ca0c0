//! How many are connected, for whoever watches the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The numbers of one server. Cheap to clone: clones count together.
#[derive(Debug, Clone, Default)]
pub struct Connections(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    open: AtomicU64,
    cut: AtomicU64,
}

impl Connections {
    /// How many are open now.
    pub fn open(&self) -> u64 {
        self.0.open.load(Ordering::Relaxed)
    }

    /// How many were sent away because there was no room, or because they did not end in time.
    pub fn cut(&self) -> u64 {
        self.0.cut.load(Ordering::Relaxed)
    }

    pub(super) fn came(&self) {
        self.0.open.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn left(&self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn were_cut(&self, number: usize) {
        self.0.cut.fetch_add(number as u64, Ordering::Relaxed);
    }
}

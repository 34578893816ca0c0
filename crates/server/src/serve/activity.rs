//! What one connection is doing and since when: written by its own task, read by whoever has to make room.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use super::limits::Limits;

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The TLS handshake.
    Handshake,
    /// Its first request.
    Fresh,
    /// Its next request.
    Idle,
    /// The rest of a request's head.
    Head,
    /// The answer: it is being made, or moving.
    Busy,
    /// The client to stop sending after its answer.
    Lingering,
}

/// What a connection was told by others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    /// To go on.
    Continue,
    /// To end after the request under way.
    Finish,
    /// To end now.
    Leave,
}

/// One connection's doings. Times are milliseconds since it was let in, plus one, so that 0 means never.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    phase: AtomicU8,
    since: AtomicU64,
    blocked: AtomicU64,
    receiving: AtomicU64,
    bytes: AtomicU64,
    order: AtomicU8,
    body_stalled: AtomicBool,
    pub(super) waker: AtomicWaker,
}

impl Activity {
    pub(super) fn new(phase: Phase) -> Self {
        Self {
            opened: Instant::now(),
            phase: AtomicU8::new(phase as u8),
            since: AtomicU64::new(1),
            blocked: AtomicU64::new(0),
            receiving: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            order: AtomicU8::new(0),
            body_stalled: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        }
    }

    pub(super) fn opened(&self) -> Instant {
        self.opened
    }

    pub(super) fn phase(&self) -> Phase {
        const PHASES: [Phase; 6] =
            [Phase::Handshake, Phase::Fresh, Phase::Idle, Phase::Head, Phase::Busy, Phase::Lingering];
        PHASES[usize::from(self.phase.load(Relaxed))]
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.since.store(self.stamp(), Relaxed);
        self.bytes.store(0, Relaxed);
        self.phase.store(phase as u8, Relaxed);
    }

    /// Bytes came from the client: the first ones after a rest are the head of a request.
    pub(super) fn received(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
        if self.phase() == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    /// The client took bytes.
    pub(super) fn sent(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
        self.blocked.store(0, Relaxed);
    }

    /// The client takes nothing at present.
    pub(super) fn blocked(&self) {
        let _ = self.blocked.compare_exchange(0, self.stamp(), Relaxed, Relaxed);
    }

    /// Whether the body of the request is being waited for.
    pub(super) fn receiving(&self, waiting: bool) {
        self.receiving.store(if waiting { self.stamp() } else { 0 }, Relaxed);
    }

    /// The body of the request came too slowly.
    pub(super) fn body_stalled(&self) {
        self.body_stalled.store(true, Relaxed);
    }

    /// Whether it did.
    pub(super) fn has_stalled_body(&self) -> bool {
        self.body_stalled.load(Relaxed)
    }

    pub(super) fn order(&self) -> Order {
        match self.order.load(Relaxed) {
            0 => Order::Continue,
            1 => Order::Finish,
            _ => Order::Leave,
        }
    }

    /// Tells the connection; an order is never taken back.
    pub(super) fn tell(&self, order: Order) {
        self.order.fetch_max(order as u8, Relaxed);
        self.waker.wake();
    }

    /// When the patience with this client ends, if it has a limit at present.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let patience = match self.phase() {
            Phase::Handshake => Some(limits.handshake),
            Phase::Fresh | Phase::Head => Some(limits.head),
            Phase::Idle => Some(limits.keep_alive),
            Phase::Lingering => Some(limits.linger),
            Phase::Busy => None,
        };
        let waiting = patience.map(|patience| self.at(self.since.load(Relaxed)) + patience);
        let stalled = match self.blocked.load(Relaxed) {
            0 => None,
            stamp => Some(self.at(stamp) + limits.write_stall),
        };
        waiting.into_iter().chain(stalled).min()
    }

    /// How little this connection would be missed, the least first; nothing where it has to stay.
    pub(super) fn expendable(&self, limits: &Limits, now: Instant) -> Option<(u8, Instant)> {
        let since = self.at(self.since.load(Relaxed));
        match self.phase() {
            Phase::Handshake | Phase::Fresh | Phase::Head | Phase::Lingering => Some((0, since)),
            Phase::Idle => Some((1, since)),
            Phase::Busy => {
                let waits_for_client = self.blocked.load(Relaxed) != 0 || self.receiving.load(Relaxed) != 0;
                let elapsed = now.saturating_duration_since(since);
                let expected = limits.slow_rate.saturating_mul(elapsed.as_secs());
                let slow = elapsed >= SLOW_AFTER.min(limits.body_idle) && self.bytes.load(Relaxed) <= expected;
                (waits_for_client && slow).then_some((2, since))
            }
        }
    }

    fn stamp(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    fn at(&self, stamp: u64) -> Instant {
        self.opened + Duration::from_millis(stamp.saturating_sub(1))
    }
}

/// How long a transfer is given before its speed is judged.
const SLOW_AFTER: Duration = Duration::from_secs(5);

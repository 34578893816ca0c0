//! Everybody who is connected, and who has to go when there is no room.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::activity::{Activity, Order};
use super::connections::Connections;
use super::limits::Limits;

/// The connections there are. The lock is held for a few steps when one comes or goes, never for a request.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    state: Mutex<State>,
    connections: Connections,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    members: BTreeMap<u64, (IpAddr, Arc<Activity>)>,
    per_address: BTreeMap<IpAddr, usize>,
    finishing: bool,
}

/// A place in the crowd; given back when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Arc<Crowd>,
    number: u64,
}

impl Crowd {
    /// Nobody yet; who comes and goes is counted there.
    pub(super) fn counted(connections: Connections) -> Self {
        Self { state: Mutex::default(), connections }
    }

    /// Lets a connection in.
    pub(super) fn join(self: &Arc<Self>, address: IpAddr, activity: Arc<Activity>) -> Place {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        if state.finishing {
            activity.tell(Order::Finish);
        }
        state.members.insert(number, (address, activity));
        *state.per_address.entry(address).or_default() += 1;
        self.connections.came();
        Place { crowd: Arc::clone(self), number }
    }

    /// How many connections an address has.
    pub(super) fn from(&self, address: IpAddr) -> usize {
        self.state().per_address.get(&address).copied().unwrap_or(0)
    }

    /// Sends a few away that would be missed least: of the address with the most connections first, those that never
    /// asked anything before those that rest between two requests, the oldest first. Says how many.
    ///
    /// It looks at everybody, so it sends away several at once: the cost for each newcomer stays small in a flood.
    pub(super) fn make_room(&self, limits: &Limits, of: Option<IpAddr>) -> usize {
        let now = Instant::now();
        let state = self.state();
        let mut candidates: Vec<_> = state
            .members
            .values()
            .filter(|(address, activity)| of.is_none_or(|of| of == *address) && activity.order() != Order::Leave)
            .filter_map(|(address, activity)| {
                let (rank, since) = activity.expendable(limits, now)?;
                let crowding = state.per_address.get(address).copied().unwrap_or(0);
                Some((Reverse(crowding), rank, since, activity))
            })
            .collect();
        let wanted = if of.is_some() { 1 } else { (limits.connections / 64).clamp(1, 64) };
        candidates.sort_by_key(|(crowding, rank, since, _)| (*crowding, *rank, *since));
        let sent = candidates.iter().take(wanted).map(|(_, _, _, activity)| activity.tell(Order::Leave)).count();
        self.connections.were_cut(sent);
        sent
    }

    /// Tells everybody, and everybody who comes later, to end after the request under way.
    pub(super) fn finish(&self) {
        let mut state = self.state();
        state.finishing = true;
        state.members.values().for_each(|(_, activity)| activity.tell(Order::Finish));
    }

    /// Sends everybody away at once. Says how many there were.
    pub(super) fn clear(&self) -> usize {
        let state = self.state();
        state.members.values().for_each(|(_, activity)| activity.tell(Order::Leave));
        self.connections.were_cut(state.members.len());
        state.members.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.crowd.state();
        let Some((address, _)) = state.members.remove(&self.number) else { return };
        self.crowd.connections.left();
        if let Some(count) = state.per_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                state.per_address.remove(&address);
            }
        }
    }
}

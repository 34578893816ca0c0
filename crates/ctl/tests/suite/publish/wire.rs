//! A wire to the server that counts what is sent, and can be cut, held or left cut at a byte of the test's choice.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::super::support::PATIENCE;

/// The wire; what passes it when it is dropped goes on until it ends by itself.
#[derive(Debug)]
pub(super) struct Wire {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// How many bytes clients sent, and got.
    moved: [u64; 2],
    trouble: Option<(Way, u64, Trouble)>,
    /// Nobody is let through.
    closed: bool,
    /// How often the trouble came.
    troubles: u32,
    streams: Vec<TcpStream>,
    /// Which connections count: those that were made since the wire was renewed last.
    generation: u32,
}

/// Where bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// To the server.
    Up = 0,
    /// To the client.
    Down = 1,
}

/// What happens at a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// All connections are cut once.
    Cut,
    /// All connections are cut, and nobody gets through from then on.
    CutForGood,
    /// Nothing moves any more.
    Hold,
}

impl Wire {
    /// A good wire to a server.
    pub(super) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let own = Arc::clone(&shared);
        thread::spawn(move || listener.incoming().flatten().for_each(|client| own.connect(client, server)));
        Self { address, shared }
    }

    /// The server's address, over this wire.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many bytes went that way since the last time this was asked.
    pub(super) fn take(&self, way: Way) -> u64 {
        std::mem::take(&mut self.shared.locked().moved[way as usize])
    }

    /// Has trouble come when so many bytes have gone that way from now on.
    pub(super) fn trouble_at(&self, way: Way, bytes: u64, trouble: Trouble) {
        let mut state = self.shared.locked();
        state.moved = [0, 0];
        state.trouble = Some((way, bytes, trouble));
    }

    /// Waits until it came.
    #[track_caller]
    pub(super) fn wait_for_trouble(&self) {
        let state = self.shared.locked();
        let waited = self.shared.changed.wait_timeout_while(state, PATIENCE, |state| state.troubles == 0);
        let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!timeout.timed_out(), "after {:?} bytes no trouble came", state.moved);
    }

    /// Mends the wire, and ends what is still on it.
    pub(super) fn renew(&self) {
        let mut state = self.shared.locked();
        state.generation += 1;
        state.end_streams();
        drop(state);
        self.mend();
    }

    /// Mends the wire.
    pub(super) fn mend(&self) {
        let mut state = self.shared.locked();
        (state.trouble, state.closed, state.troubles) = (None, false, 0);
        self.shared.changed.notify_all();
    }
}

impl State {
    fn end_streams(&mut self) {
        for stream in std::mem::take(&mut self.streams) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(self: &Arc<Self>, client: TcpStream, server: SocketAddr) {
        if self.locked().closed {
            return;
        }
        let Ok(server) = TcpStream::connect(server) else { return };
        let copy = |stream: &TcpStream| stream.try_clone().expect("a connection can be shared");
        let mut state = self.locked();
        state.streams.extend([copy(&client), copy(&server)]);
        let generation = state.generation;
        drop(state);
        let (own, from, to) = (Arc::clone(self), copy(&client), copy(&server));
        thread::spawn(move || pass(from, to, |bytes| own.let_pass(generation, Way::Up, bytes)));
        let own = Arc::clone(self);
        thread::spawn(move || pass(server, client, |bytes| own.let_pass(generation, Way::Down, bytes)));
    }

    /// Counts bytes, and tells whether they go on.
    fn let_pass(&self, generation: u32, way: Way, bytes: u64) -> bool {
        let mut state = self.locked();
        loop {
            if state.generation != generation {
                return false;
            }
            let moved = state.moved[way as usize] + bytes;
            let due = state.trouble.filter(|(other, at, _)| *other == way && moved > *at);
            let Some((_, at, trouble)) = due else { break };
            state.troubles += 1;
            self.changed.notify_all();
            match trouble {
                Trouble::Cut | Trouble::CutForGood => {
                    state.closed = trouble == Trouble::CutForGood;
                    state.trouble = None;
                    state.end_streams();
                    return false;
                }
                Trouble::Hold => {
                    let held = |state: &mut State| state.trouble == Some((way, at, trouble));
                    state = self.changed.wait_while(state, held).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
        state.moved[way as usize] += bytes;
        true
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, lets_pass: impl Fn(u64) -> bool) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        if !lets_pass(read as u64) || to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    // Who still has something to say may say it.
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}

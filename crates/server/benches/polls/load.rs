//! The clients: each a thread with one kept connection that asks, reads the whole answer, and asks again.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::process::Served;

/// What a run showed.
pub(crate) struct Figures {
    /// Answers for each second of the server's processor time.
    pub(crate) per_cpu_second: f64,
    /// Answers for each second by the clock; says much about the machine.
    pub(crate) per_second: f64,
    /// Milliseconds that half of the answers, and all but one in a hundred, took at most.
    pub(crate) p50: f64,
    /// See `p50`.
    pub(crate) p99: f64,
}

/// How many clients ask at once.
pub(crate) const CLIENTS: usize = 64;

/// Asks for so long; `request` makes the n-th request of a client.
pub(crate) fn ask(
    served: &Served,
    length: Duration,
    request: impl Fn(usize, usize) -> Vec<u8> + Sync,
) -> io::Result<Figures> {
    let until = Instant::now() + length;
    run(served, |client, sent| (Instant::now() < until).then(|| request(client, sent)))
}

/// Asks until there are no more requests.
pub(crate) fn run(served: &Served, request: impl Fn(usize, usize) -> Option<Vec<u8>> + Sync) -> io::Result<Figures> {
    let (cpu, began) = (served.cpu()?, Instant::now());
    let taken = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let request = &request;
                scope.spawn(move || converse(served.address, |sent| request(client, sent)))
            })
            .collect();
        let ended =
            clients.into_iter().map(|client| client.join().map_err(|_| io::Error::other("a client panicked"))?);
        ended.collect::<io::Result<Vec<_>>>()
    })?;
    let (cpu, clock) = (served.cpu()? - cpu, began.elapsed().as_secs_f64());
    let mut taken = taken.concat();
    taken.sort_unstable();
    let count = taken.len() as f64;
    let at = |percent: usize| taken.get(taken.len() * percent / 100).map_or(0.0, |taken| taken.as_secs_f64() * 1e3);
    Ok(Figures { per_cpu_second: count / cpu, per_second: count / clock, p50: at(50), p99: at(99) })
}

fn converse(address: SocketAddr, request: impl Fn(usize) -> Option<Vec<u8>>) -> io::Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut taken = Vec::new();
    let mut answer = Vec::new();
    while let Some(request) = request(taken.len()) {
        let began = Instant::now();
        stream.write_all(&request)?;
        read(&mut stream, &mut answer)?;
        taken.push(began.elapsed());
        if !answer.starts_with(b"HTTP/1.1 200") {
            return Err(io::Error::other(String::from_utf8_lossy(&answer).into_owned()));
        }
    }
    Ok(taken)
}

/// Reads one answer with a Content-Length.
fn read(stream: &mut TcpStream, answer: &mut Vec<u8>) -> io::Result<()> {
    answer.clear();
    let mut piece = [0; 8192];
    loop {
        let count = stream.read(&mut piece)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&piece[..count]);
        let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        if answer.len() >= head + 4 + length.unwrap_or(0) {
            return Ok(());
        }
    }
}

/// A POST as a device sends it.
pub(crate) fn post(key: &str, body: &str) -> Vec<u8> {
    format!(
        "POST /api/v1/sync HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

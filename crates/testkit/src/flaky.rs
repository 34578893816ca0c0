//! A file server on loopback that does not keep its word: it cuts, stalls, lies about lengths and ranges, changes the
//! file meanwhile. It counts what it was asked and what it sent.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

/// A running server; it ends, with all its connections, when it is dropped.
pub struct FlakyServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// What the server has and how it misbehaves. The default behaves well.
pub struct Habits {
    /// The file.
    pub file: File,
    /// Its entity tag, with quotes; none is sent where there is none.
    pub etag: Option<String>,
    /// Whether ranges are understood.
    pub ranges: bool,
    /// Whether `If-Range` is understood; without that every range is sent.
    pub if_range: bool,
    /// An answer's body breaks off after so many bytes.
    pub cut: Option<u64>,
    /// An answer's body stops after so many bytes, and the connection stays open.
    pub stall: Option<u64>,
    /// An answer has at most so many bytes of body, and says so: a proxy that truncates.
    pub truncate: Option<u64>,
    /// Added to the length that is announced.
    pub length_lie: i64,
    /// Added to the first byte that `Content-Range` names.
    pub range_lie: i64,
    /// No length is announced; the body comes in chunks.
    pub chunked: bool,
    /// The byte that arrives with one bit wrong.
    pub flip: Option<u64>,
    /// A pause after every 16 KiB.
    pub pause: Duration,
    /// This status with these header lines instead of the file.
    pub refusal: Option<(u16, Vec<String>)>,
    /// Changes of habit: the first one happens after the first request was answered, and so on.
    pub then: VecDeque<Change>,
}

/// A change of habit.
pub type Change = Box<dyn FnOnce(&mut Habits) + Send>;

/// What is served.
#[derive(Debug, Clone)]
pub enum File {
    /// These bytes.
    Bytes(Arc<Vec<u8>>),
    /// So many bytes that nobody holds: [`pattern`] again and again.
    Endless(u64),
}

struct Shared {
    habits: Mutex<Habits>,
    requests: Mutex<Vec<String>>,
    served: Mutex<u64>,
    streams: Mutex<Vec<TcpStream>>,
    stopped: AtomicBool,
}

/// How one request is answered, decided while the habits are held.
struct Answer {
    head: String,
    file: File,
    from: u64,
    count: u64,
    chunked: bool,
    whole: bool,
    stall: bool,
    flip: Option<u64>,
    pause: Duration,
}

const PIECE: usize = 16 * 1024;

impl Habits {
    /// Behaves well.
    pub fn good(file: File) -> Self {
        Self {
            file,
            etag: Some("\"one\"".to_owned()),
            ranges: true,
            if_range: true,
            cut: None,
            stall: None,
            truncate: None,
            length_lie: 0,
            range_lie: 0,
            chunked: false,
            flip: None,
            pause: Duration::ZERO,
            refusal: None,
            then: VecDeque::new(),
        }
    }

    /// One more change of habit.
    pub fn then(&mut self, change: impl FnOnce(&mut Self) + Send + 'static) {
        self.then.push_back(Box::new(change));
    }
}

/// The 64 KiB that an endless file repeats.
pub fn pattern() -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..1 << 16).map(next).collect()
}

impl File {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Endless(length) => *length,
        }
    }
}

impl std::fmt::Debug for FlakyServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FlakyServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Habits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Habits").field("file", &self.file.len()).finish_non_exhaustive()
    }
}

impl FlakyServer {
    /// Serves these bytes, whatever path is asked for.
    pub fn start(bytes: impl Into<Vec<u8>>) -> Self {
        Self::with(Habits::good(File::Bytes(Arc::new(bytes.into()))))
    }

    /// The same with any habits.
    pub fn with(habits: Habits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            habits: Mutex::new(habits),
            requests: Mutex::default(),
            served: Mutex::default(),
            streams: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let inner = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || accept(&listener, &inner));
        Self { address, shared, acceptor: Some(acceptor) }
    }

    /// Changes habits from now on.
    pub fn change(&self, change: impl FnOnce(&mut Habits)) {
        change(&mut locked(&self.shared.habits));
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of its file.
    pub fn url(&self) -> String {
        format!("http://{}/demo.tar.gz", self.address)
    }

    /// The heads of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        locked(&self.shared.requests).clone()
    }

    /// How many bytes of bodies were sent so far.
    pub fn served(&self) -> u64 {
        *locked(&self.shared.served)
    }
}

impl Drop for FlakyServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // The acceptor looks at the flag when somebody comes.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        for stream in locked(&self.shared.streams).iter() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let Ok(copy) = stream.try_clone() else { continue };
        locked(&shared.streams).push(copy);
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // A client may go away at any time.
            let _ = serve(&shared, &stream);
            let _ = stream.shutdown(Shutdown::Both);
        });
    }
}

/// Answers one request; the connection ends with it.
fn serve(shared: &Shared, mut stream: &TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(());
        }
        head.push(byte[0]);
    }
    head.truncate(head.len() - 4);
    let head = String::from_utf8_lossy(&head).into_owned();
    let answer = {
        let mut habits = locked(&shared.habits);
        let answer = answer(&habits, &head);
        if let Some(change) = habits.then.pop_front() {
            change(&mut habits);
        }
        answer
    };
    locked(&shared.requests).push(head);
    stream.write_all(answer.head.as_bytes())?;
    send(shared, stream, &answer)?;
    // Ends when the other side gives up or the server is dropped.
    while answer.stall && stream.read(&mut byte)? > 0 {}
    Ok(())
}

fn send(shared: &Shared, mut stream: &TcpStream, answer: &Answer) -> std::io::Result<()> {
    let block = pattern();
    let end = answer.from + answer.count;
    let mut at = answer.from;
    while at < end {
        let count = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
        let mut piece = match &answer.file {
            File::Bytes(bytes) => bytes[usize::try_from(at).expect("it is held")..][..count].to_vec(),
            File::Endless(_) => {
                let start = usize::try_from(at).expect("a 64-bit machine") % block.len();
                let count = count.min(block.len() - start);
                block[start..start + count].to_vec()
            }
        };
        let count = piece.len() as u64;
        if let Some(flip) = answer.flip.filter(|flip| (at..at + count).contains(flip)) {
            piece[usize::try_from(flip - at).expect("it is small")] ^= 1;
        }
        if answer.chunked {
            stream.write_all(format!("{count:x}\r\n").as_bytes())?;
        }
        // Counted before it is sent: who has read it may ask at once.
        *locked(&shared.served) += count;
        stream.write_all(&piece)?;
        if answer.chunked {
            stream.write_all(b"\r\n")?;
        }
        at += count;
        if !answer.pause.is_zero() {
            std::thread::sleep(answer.pause);
        }
    }
    if answer.chunked && answer.whole { stream.write_all(b"0\r\n\r\n") } else { Ok(()) }
}

fn answer(habits: &Habits, request: &str) -> Answer {
    let length = habits.file.len();
    let etag = habits.etag.as_ref().map(|etag| format!("ETag: {etag}\r\n")).unwrap_or_default();
    let fresh = !habits.if_range || header(request, "if-range").is_none_or(|tag| habits.etag.as_deref() == Some(tag));
    let range =
        header(request, "range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let from = range.filter(|_| habits.ranges && fresh);
    let mut answer = Answer {
        head: String::new(),
        file: habits.file.clone(),
        from: from.unwrap_or(0),
        count: 0,
        chunked: false,
        whole: false,
        stall: false,
        flip: habits.flip,
        pause: habits.pause,
    };
    if let Some((status, lines)) = &habits.refusal {
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        answer.head = format!("HTTP/1.1 {status} x\r\n{lines}Content-Length: 0\r\n\r\n");
        return answer;
    }
    let first = answer.from;
    if from.is_some() && first >= length {
        answer.head = format!("HTTP/1.1 416 x\r\n{etag}Content-Range: bytes */{length}\r\nContent-Length: 0\r\n\r\n");
        return answer;
    }
    let told = (length - first).min(habits.truncate.unwrap_or(u64::MAX));
    let status = match from {
        None => "200 OK".to_owned(),
        Some(_) => {
            let first = first.saturating_add_signed(habits.range_lie);
            format!("206 x\r\nContent-Range: bytes {first}-{}/{length}", length - 1)
        }
    };
    let body = match habits.chunked {
        true => "Transfer-Encoding: chunked".to_owned(),
        false => format!("Content-Length: {}", told.saturating_add_signed(habits.length_lie)),
    };
    answer.head = format!("HTTP/1.1 {status}\r\n{etag}{body}\r\n\r\n");
    let stop = habits.cut.or(habits.stall).unwrap_or(u64::MAX);
    let stall = habits.stall.is_some_and(|at| at < told);
    Answer { count: told.min(stop), chunked: habits.chunked, whole: told <= stop, stall, ..answer }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    fields.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

//! Between the state and the world: the terminal, the keys, the engine, files. It decides nothing.

mod files;
mod keyboard;
mod terminal;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use self::terminal::Screen;
use super::app::{App, Command, Event};
use super::view::{Look, draw};
use crate::clock;
use crate::error::CtlError;
use crate::lan::{self, End, Found, Host, News, Order, Outcome, Pace, Scope, Site};
use crate::secret::Secret;

/// What the interface works with.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    /// The devices of this place.
    pub(super) site: Site,
    /// Where is looked for others.
    pub(super) scope: Scope,
    /// The token for agents of the site file that have none there.
    pub(super) token: Option<Secret>,
    /// How fast orders are carried out.
    pub(super) pace: Pace,
    /// Whether there are colours.
    pub(super) look: Look,
    /// Where lists are looked for first.
    pub(super) folder: PathBuf,
}

/// How the interface ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// The person left.
    Asked,
    /// A signal ended it, or the terminal went away.
    Ended,
}

/// Shows the interface until the person leaves; returns how many devices were at work then.
pub(super) async fn show(setup: Setup) -> Result<(Left, usize), CtlError> {
    let hosts = setup.site.devices.iter().map(lan::SiteDevice::host).collect();
    let mut app = App::new(hosts, setup.folder.clone(), clock::now(), TimeZone::system());
    let (told, mut events) = channel(QUEUE);
    let mut ends = ends()?;
    let mut screen = Screen::open().map_err(no_screen)?;
    keyboard::read(told.clone());
    let (width, height) = screen.size();
    app.on(Event::Window(width, height), clock::now());
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        screen.draw(|frame| draw(&app, setup.look, frame)).map_err(no_screen)?;
        let event = tokio::select! {
            Some(event) = events.recv() => event,
            _ = ticks.tick() => Event::Tick,
            Some(()) = ends.recv() => return Ok((Left::Ended, app.devices.at_work())),
        };
        // What comes in a burst is shown once.
        let mut arrived = vec![event];
        while let Ok(event) = events.try_recv() {
            arrived.push(event);
        }
        for event in arrived {
            for command in app.on(event, clock::now()) {
                if command == Command::Leave {
                    return Ok((Left::Asked, app.devices.at_work()));
                }
                carry_out(command, &app, &setup, &told);
            }
        }
    }
}

fn no_screen(source: io::Error) -> CtlError {
    CtlError::Write { path: "the terminal".into(), source }
}

/// Says when the interface has to end: by whom it was started, or because its terminal is gone.
fn ends() -> Result<Receiver<()>, CtlError> {
    let (end, ended) = channel(1);
    for kind in [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()] {
        let mut signals = signal(kind).map_err(|source| CtlError::Runtime { source })?;
        let end = end.clone();
        tokio::spawn(async move {
            signals.recv().await;
            let _ = end.send(()).await;
        });
    }
    Ok(ended)
}

fn carry_out(command: Command, app: &App, setup: &Setup, told: &Sender<Event>) {
    let told = told.clone();
    match command {
        Command::Scan => {
            let known = app.devices.all().iter().map(|device| device.host.address).collect();
            tokio::spawn(scan(setup.clone(), known, told));
        }
        Command::CarryOut(hosts, order) => {
            tokio::spawn(order_all(setup.clone(), hosts, order, told));
        }
        Command::Look(path) => {
            tokio::spawn(async move {
                if let Ok(event) = spawn_blocking(move || files::look(&path)).await {
                    let _ = told.send(event).await;
                }
            });
        }
        // The loop itself ends by it.
        Command::Leave => {}
    }
}

/// Looks for devices: in the networks, and at each that is known, which may listen elsewhere.
async fn scan(setup: Setup, known: Vec<SocketAddr>, told: Sender<Event>) {
    let within = setup.scope.within;
    let looks: Vec<_> = known.into_iter().map(|address| tokio::spawn(lan::look(address, within))).collect();
    let mut found = lan::scan(setup.scope);
    let named = |mut host: Host| {
        setup.site.name(&mut host);
        Event::Found(host)
    };
    while let Some(found) = found.recv().await {
        let event = match found {
            Found::Device(host) => named(host),
            Found::Remark(text) => Event::Remark(text),
        };
        let _ = told.send(event).await;
    }
    for look in looks {
        if let Ok(Ok(host)) = look.await {
            let _ = told.send(named(host)).await;
        }
    }
    let _ = told.send(Event::Scanned).await;
}

async fn order_all(setup: Setup, hosts: Vec<Host>, order: Order, told: Sender<Event>) {
    let addresses: Vec<_> = hosts.iter().map(|host| host.address).collect();
    let mut targets = Vec::new();
    for host in hosts {
        let address = host.address;
        match setup.site.target(host, setup.token.as_ref()) {
            Ok(target) => targets.push(target),
            // Another token than its own is not for it.
            Err(error) => {
                let _ = told.send(Event::News(address, News::Ended(untold(&error)))).await;
            }
        }
    }
    let told_of: Vec<_> = targets.iter().map(|target| target.host.address).collect();
    let mut news = lan::carry_out(targets, order, setup.pace);
    while let Some((place, news)) = news.recv().await {
        if let Some(address) = told_of.get(place) {
            let _ = told.send(Event::News(*address, news)).await;
        }
    }
    let _ = told.send(Event::Closed(addresses)).await;
}

fn untold(error: &CtlError) -> End {
    End {
        outcome: Outcome::Refused,
        message: format!("{error}; nothing was sent"),
        reason: Some("token_file".to_owned()),
        seconds: 0,
    }
}

/// How much may wait to be shown.
const QUEUE: usize = 256;

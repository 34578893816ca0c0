//! belay-server: what the process is, by its first argument. The library does the rest.

use std::process::ExitCode;

use belay_server::cli::{self, Arguments, Command, Exit, Failure};
use belay_server::config::{self, Settings};
use belay_server::run;
use belay_server::telemetry::{IDENTITY, logging};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let arguments = match Arguments::read() {
        Ok(arguments) => arguments,
        Err(shown) => return shown,
    };
    let json = arguments.json;
    carry_out(arguments).unwrap_or_else(|failure| failure.show(json)).into()
}

fn carry_out(arguments: Arguments) -> Result<Exit, Failure> {
    let settings = config::load(arguments.config.as_deref(), arguments.overrides())?;
    match arguments.command {
        Command::Serve { .. } => serve(settings),
        Command::Once(command) => {
            let runtime = Builder::new_current_thread().enable_all().build().map_err(system("start"))?;
            runtime.block_on(cli::carry_out(&settings, command, arguments.json))
        }
    }
}

fn serve(settings: Settings) -> Result<Exit, Failure> {
    logging::start(settings.log_level, IDENTITY).map_err(system("start logging"))?;
    let runtime = Builder::new_multi_thread().enable_all().build().map_err(system("start"))?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(system("watch for signals"))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(system("watch for signals"))?;
        let shutdown = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        Ok(run::run(settings, shutdown).await.map(|()| Exit::Done)?)
    })
}

fn system<E: std::error::Error + Send + Sync + 'static>(doing: &'static str) -> impl Fn(E) -> Failure {
    move |error| Failure::System { doing, source: Box::new(error) }
}

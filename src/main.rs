//! belay-agent: what the process is, by its first argument. The library does the rest.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use belay_agent::cli::{self, Arguments, Command, ConfigCommand, Exit};
use belay_agent::config::{self, ConfigError, Overrides, Settings};
use belay_agent::host::serve::Ended;
use belay_agent::telemetry::logging;
use belay_agent::{control, daemon, host, remote};
use tokio::runtime::Builder;

fn main() -> ExitCode {
    if let Some(ended) = host::bundle::shims::main_if_shim() {
        return ended;
    }
    #[cfg(feature = "failpoints")]
    let _armed = fail::FailScenario::setup();
    let arguments = match Arguments::read() {
        Ok(arguments) => arguments,
        Err(shown) => return shown,
    };
    let ended = match &arguments.command {
        // Namespaces can be left only while there is one thread: nothing is started before this.
        Command::Inside { spec, init } => return host::bundle::inside::run(spec, *init),
        Command::Run => run(&arguments),
        Command::Host { recover } => serve(&arguments, *recover),
        Command::Guard => guard(&arguments),
        Command::AptHook { file } => check_for_apt(file),
        Command::Config(ConfigCommand::Check) => check(&arguments),
        Command::Ask(asked) => ask(&arguments, asked),
    };
    ended.unwrap_or_else(|error| cli::failed(error.as_ref(), arguments.json)).into()
}

fn run(arguments: &Arguments) -> Result<Exit, Box<dyn Error>> {
    let settings = settings(arguments)?;
    logging::start(settings.log_level, logging::IDENTITY)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(daemon::run(settings));
    // A thread that waits for a host that does not answer must not keep the process.
    runtime.shutdown_background();
    Ok(ended.map(|()| Exit::Done)?)
}

fn serve(arguments: &Arguments, only_recover: bool) -> Result<Exit, Box<dyn Error>> {
    let settings = settings(arguments)?;
    logging::start(settings.log_level, logging::IDENTITY)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    Ok(match runtime.block_on(host::serve::serve(settings, only_recover))? {
        Ended::Done => Exit::Done,
        Ended::Replaced => Exit::Replaced,
    })
}

fn guard(arguments: &Arguments) -> Result<Exit, Box<dyn Error>> {
    // Settings that a new version brought and this one does not know must not keep the old one from coming back.
    let (settings, unread) = match settings(arguments) {
        Ok(settings) => (settings, None),
        // Where they would lead elsewhere than to what is there, there is nothing to go by.
        Err(error) if !Settings::default().host_dir().exists() => return Err(error.into()),
        Err(error) => (Settings::default(), Some(error)),
    };
    logging::start(settings.log_level, logging::IDENTITY)?;
    if let Some(error) = unread {
        tracing::warn!("the settings cannot be used, so the defaults are: {error}");
    }
    Ok(host::guard::run(&settings).map(|()| Exit::Done)?)
}

fn check_for_apt(expectation: &Path) -> Result<Exit, Box<dyn Error>> {
    Ok(host::hook::run(expectation, std::io::stdin()).map(|()| Exit::Done)?)
}

fn ask(arguments: &Arguments, asked: &cli::Ask) -> Result<Exit, Box<dyn Error>> {
    let socket = cli::socket(arguments.socket.clone(), arguments.config.as_deref())?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(cli::ask(&socket, arguments.json, asked)))
}

fn check(arguments: &Arguments) -> Result<Exit, Box<dyn Error>> {
    let settings = settings(arguments)?;
    let mut warnings = control::open_doors(&settings.control);
    warnings.extend(remote::open_link(&settings.server));
    cli::checked(&warnings, arguments.json);
    Ok(Exit::Done)
}

fn settings(arguments: &Arguments) -> Result<Settings, ConfigError> {
    let socket = arguments.socket.as_ref().map(|path| path.to_string_lossy().into_owned());
    config::load_with(arguments.config.as_deref(), Overrides { socket, ..Overrides::default() })
}

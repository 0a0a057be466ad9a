//! The agent as a program.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::agent::Agent;
use crate::config::{Args, Config};
use crate::connection::ConnectionError;
use crate::local::command;
use crate::{process, telemetry};

/// The exit code where the relay refused the agent for good: starting it again does not help.
pub const EXIT_REFUSED: u8 = 78;

/// How long work that can not be interrupted may hold up the end of the program.
const RUNTIME_SHUTDOWN: std::time::Duration = std::time::Duration::from_secs(1);

/// How many threads run what does not block. A call passes through several tasks: on one thread they hand it
/// on without waking anybody, and the answer leaves in one piece. Files and scans have threads of their own.
const WORKERS: usize = 1;

/// How many files the agent may have open where the system permits it: each process takes two.
const OPEN_FILES: u64 = 16 * 1024;

/// Runs the agent as a program with these arguments, the program's name first. Reads the
/// environment, sets up telemetry, handles signals; returns when the agent has ended: 0 after a
/// signal, 1 where it could not run, 2 for wrong arguments, [`EXIT_REFUSED`] where the relay
/// refused it for good.
pub fn main_with(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.collect();
    if args.get(1).is_some_and(|command| command == process::RUN_LIMITED) {
        return process::run_limited(args.into_iter().skip(2));
    }
    if args.get(1).is_some_and(|command| command == command::NAME) {
        return command::run(args.into_iter().skip(2));
    }
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            // There is nobody left to tell where this fails.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    hide_environment();
    raise_open_files();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(WORKERS).build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error.into()),
    };
    // On a worker, as everything that it begins: this thread would be woken for every byte on the connection.
    let running = runtime.spawn(run(args));
    let ended = runtime.block_on(running).map_err(anyhow::Error::from);
    let code = ended.flatten().unwrap_or_else(|error| complain(&error));
    runtime.shutdown_timeout(RUNTIME_SHUTDOWN);
    code
}

async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let environment: Vec<_> = std::env::vars_os().collect();
    let endpoint = environment.iter().find(|(name, _)| name == "CHATMESH_AGENT_OTLP_ENDPOINT");
    let endpoint = endpoint.and_then(|(_, value)| value.clone().into_string().ok());
    let telemetry = telemetry::start(args.log.clone(), endpoint)?;
    let result = supervise(Config::load(args, environment)?).await;
    // Exporting waits for the network in its own way.
    let _ = tokio::task::spawn_blocking(move || telemetry.flush()).await;
    result
}

/// Runs the agent until it ends or a signal ends it; a second signal does not wait.
async fn supervise(config: Config) -> anyhow::Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    info!(url = %config.url, directory = %config.directory.display(), version = crate::diagnostics::VERSION, "starting");
    let shutdown = CancellationToken::new();
    let running = async {
        let agent = tokio::task::spawn_blocking(move || Agent::open(config)).await?.context("can not start")?;
        exit_code(agent.run(shutdown.clone()).await)
    };
    let signals = async {
        either(&mut terminate, &mut interrupt).await;
        info!("shutting down");
        shutdown.cancel();
        either(&mut terminate, &mut interrupt).await;
    };
    tokio::select! {
        code = running => code,
        () = signals => {
            warn!("shutting down at once");
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn exit_code(result: Result<(), ConnectionError>) -> anyhow::Result<ExitCode> {
    match result {
        Ok(()) => {
            info!("stopped");
            Ok(ExitCode::SUCCESS)
        }
        Err(error @ (ConnectionError::Refused(_) | ConnectionError::Unauthorized(_))) => {
            error!(%error, exit_code = EXIT_REFUSED, "giving up");
            Ok(ExitCode::from(EXIT_REFUSED))
        }
        Err(error) => Err(error.into()),
    }
}

/// Keeps other programs of this user, such as the commands that the agent runs, from reading the
/// agent's environment, which may hold its token.
fn hide_environment() {
    #[cfg(target_os = "linux")]
    {
        // Without this the agent works as well; the system then protects it less.
        let _ = nix::sys::prctl::set_dumpable(false);
    }
}

/// Lifts the number of open files towards what the system permits: the usual one is too low for
/// a thousand processes at once. What the agent runs inherits it.
fn raise_open_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.unwrap_or(OPEN_FILES).min(OPEN_FILES);
    if current.is_some_and(|current| current < wanted) {
        // Without this the agent works as well, with fewer processes.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    }
}

fn complain(error: &anyhow::Error) -> ExitCode {
    // Also where logging does not work, or not yet.
    let _ = writeln!(std::io::stderr(), "chatmesh-agent: {error:#}");
    ExitCode::FAILURE
}

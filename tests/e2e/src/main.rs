//! `provider-simulator`: a provider of models that needs no key and no network.
//!
//! A thin front to [`chatmesh_testkit::simulator`].

use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use chatmesh_testkit::simulator::{Script, Simulator, SimulatorConfig};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// Speaks Anthropic Messages and OpenAI Chat Completions, from scripts or recordings.
///
/// Point a provider's base URL at it: POST <url>/v1/messages answers as Anthropic, POST
/// <url>/v1/chat/completions as OpenAI. The model chooses the script. GET
/// <url>/_simulator/stats and /_simulator/journal tell what was received; POST
/// /_simulator/scripts adds scripts while it runs.
#[derive(Debug, Parser)]
#[command(name = "provider-simulator")]
struct Arguments {
    /// The address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:9000")]
    listen: SocketAddr,

    /// A directory of recorded sessions to answer from, besides scripts
    #[arg(long, value_name = "DIR", env = "CHATMESH_RECORDINGS")]
    recordings: Option<PathBuf>,

    /// Files with a script or a list of scripts
    #[arg(long, value_name = "FILE.json", num_args = 1..)]
    scripts: Vec<PathBuf>,

    /// Cuts response bodies into chunks of so many bytes
    #[arg(long, value_name = "BYTES")]
    chunk_size: Option<NonZeroUsize>,

    /// Waits before each further chunk, such as 5ms or 1s
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    chunk_delay: Duration,

    /// An accepted key, repeatable; without any, every non-empty key is accepted
    #[arg(long, value_name = "KEY")]
    api_key: Vec<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let simulator = Simulator::start(config(Arguments::parse())?).await?;
    let (url, models) = (simulator.base_url(), simulator.models().join(", "));
    writeln!(std::io::stdout(), "listening on {url}\nscripted models: {models}")?;
    wait_for_signal().await?;
    simulator.stop().await;
    Ok(())
}

fn config(arguments: Arguments) -> anyhow::Result<SimulatorConfig> {
    let mut scripts = Vec::new();
    for file in &arguments.scripts {
        let json = std::fs::read(file).with_context(|| file.display().to_string())?;
        scripts.extend(Script::parse(&json).with_context(|| file.display().to_string())?);
    }
    Ok(SimulatorConfig {
        listen: arguments.listen,
        api_keys: arguments.api_key,
        recordings: arguments.recordings,
        scripts,
        chunk_size: arguments.chunk_size,
        chunk_delay: arguments.chunk_delay,
        ..SimulatorConfig::default()
    })
}

async fn wait_for_signal() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, milliseconds_each) = match text.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (text.strip_suffix('s').ok_or("the unit is ms or s")?, 1000),
    };
    let number: u64 = number.parse().map_err(|error| format!("{error}"))?;
    Ok(Duration::from_millis(number.saturating_mul(milliseconds_each)))
}

//! `chatmesh ping`: the way to a workspace's agent and back, through gateway and relay.
//!
//! Every question is a request of its own, and goes the whole way that a tool's or a person's call
//! goes: who calls is checked anew, the workspace's agent is looked up, the relay forwards.

mod facts;
mod statistics;
mod throughput;

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, timeout};

use crate::client::{Client, Connection, Workspace, is_passing};
use crate::terminal;
use statistics::Statistics;

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// The shortest pause between questions.
const MIN_INTERVAL: Duration = Duration::from_millis(1);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The workspace: its name or id
    workspace: String,
    /// How often to ask; until Ctrl-C where it is not given
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// How many seconds to wait between questions
    #[arg(short, long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    interval: Duration,
    /// Also measure how many bytes per second come and go, after --count questions
    #[arg(long)]
    throughput: bool,
    #[command(flatten)]
    connection: Connection,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().map_err(|error| error.to_string())?;
    let interval = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    Ok(interval.max(MIN_INTERVAL))
}

pub(super) async fn run(args: Args) -> anyhow::Result<bool> {
    let client = Client::connect(&args.connection)?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let workspace = client.workspace(&args.workspace).await?;
    let mut statistics = Statistics::default();
    let work = async {
        facts::show(&client, &workspace).await?;
        ask(&client, &workspace, &args, &mut statistics).await?;
        if args.throughput { throughput::measure(&client, &workspace).await } else { Ok(()) }
    };
    let outcome = tokio::select! {
        outcome = work => outcome,
        _ = interrupt.recv() => Ok(()),
    };
    for line in statistics.lines(&workspace.name) {
        terminal::line(line);
    }
    outcome?;
    Ok(statistics.answered() > 0)
}

/// Asks again and again. What does not change by itself ends it.
async fn ask(client: &Client, workspace: &Workspace, args: &Args, statistics: &mut Statistics) -> anyhow::Result<()> {
    let path = format!("/api/v1/workspaces/{}/agent:ping", workspace.id);
    let mut sequence = 0;
    loop {
        sequence += 1;
        let began = Instant::now();
        statistics.asked();
        match timeout(ANSWER_TIMEOUT, client.post(&path, &json!({}))).await.context("no answer in time").flatten() {
            Ok(pong) => {
                let (whole, agent) = (began.elapsed(), agent_time(&pong));
                statistics.answer(whole, agent);
                terminal::line(format!(
                    "agent {} answers: seq={sequence} time={:.3} ms (gateway to agent {:.3} ms)",
                    pong["agent_version"].as_str().unwrap_or("?"),
                    millis(whole),
                    millis(agent),
                ));
            }
            Err(error) if is_passing(&error) => terminal::line(format!("no answer: seq={sequence} ({error:#})")),
            Err(error) => return Err(error),
        }
        if args.count == Some(sequence) {
            return Ok(());
        }
        tokio::time::sleep(args.interval).await;
    }
}

fn agent_time(pong: &Value) -> Duration {
    Duration::from_micros(pong["agent_us"].as_u64().unwrap_or_default())
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

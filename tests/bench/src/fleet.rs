//! Many agents and two relays, one of which dies. See `fleet-bench`.

mod balancer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use chatmesh_agent::{Agent, Args as AgentArgs, Config};
use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::diagnostics_service_client::DiagnosticsServiceClient;
use chatmesh_proto::agent::v1::process_service_client::ProcessServiceClient;
use chatmesh_rpc::client::Peer;
use chatmesh_runtime::Tasks;
use clap::Parser as _;
use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

use crate::agents::{Credentials, enrol, peer, to};
use crate::deadline::{LONG, eventually};
use crate::figures::{Spread, line, machine, title};
use crate::limits::allow_connections;
use crate::mesh::{Plan, Storage};
use crate::programs::Programs;
use balancer::Balancer;

/// Measures agents whose relay dies
#[derive(Debug, clap::Parser)]
pub struct Args {
    #[command(flatten)]
    programs: Programs,
    /// How many agents
    #[arg(long, default_value_t = 500)]
    agents: usize,
    /// How many are called at once
    #[arg(long, default_value_t = 64)]
    callers: usize,
}

/// The second replica.
const SECOND: &str = "relay-2";
const PAUSE: Duration = Duration::from_millis(20);

/// Runs the benchmark.
///
/// # Errors
/// An agent is not reachable again, or a call was carried out twice.
pub async fn run(args: Args) -> anyhow::Result<()> {
    allow_connections(args.agents * 8)?;
    machine();
    let storage = Storage::best();
    line("agents", format_args!("{}, in this program, each with a connection of its own", args.agents));
    line("database", storage.name());
    let mut cluster = Plan::new(&args.programs, &storage).start().await?;
    cluster.add("relay", SECOND, &[]).await?;
    cluster.end("provisioner").await?;
    let balancer = Balancer::start(&[cluster.url("relay")?, cluster.url(SECOND)?]).await?;

    let directory = tempfile::Builder::new().prefix("chatmesh-fleet-").tempdir()?;
    let (shutdown, tasks) = (CancellationToken::new(), Tasks::new());
    let mut fleet = Vec::new();
    for number in 0..args.agents {
        let credentials = enrol(&cluster, &format!("w{number}")).await?;
        let home = directory.path().join(number.to_string());
        start(&home, &balancer.url(), &credentials, &shutdown, &tasks)?;
        fleet.push((credentials, home));
    }
    let relays = [peer(cluster.url("relay")?)?, peer(cluster.url(SECOND)?)?];
    let connected = reach_all(&fleet, &relays[1], args.callers).await?;
    title("Before");
    line("reachable through one replica", format_args!("{connected} of {}", fleet.len()));

    // Calls with effects go on all the time, through the replica that stays.
    let stop = Arc::new(AtomicBool::new(false));
    let calling = call_all(&fleet, &relays[1], args.callers, Arc::clone(&stop));
    let watching = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let began = Instant::now();
        cluster.kill_one("relay")?;
        let times = reachable_again(&fleet, &relays[1], args.callers, began).await;
        stop.store(true, Ordering::SeqCst);
        times
    };
    let (calls, times) = tokio::join!(calling, watching);
    let (calls, times) = (calls?, times?);
    title("One of two replicas is killed");
    line("all reachable again after", format_args!("{:.2} s", times.percentile(100).as_secs_f64()));
    line("each", times);
    let doubled = count_effects(&fleet, &calls)?;
    line(
        "calls with an effect",
        format_args!("{} answered, {} that broke and were made again", calls.answered, calls.again),
    );
    line("carried out twice", doubled);
    shutdown.cancel();
    ensure!(doubled == 0, "{doubled} calls were carried out twice");
    Ok(())
}

fn start(
    home: &Path,
    url: &str,
    credentials: &Credentials,
    shutdown: &CancellationToken,
    tasks: &Tasks,
) -> anyhow::Result<()> {
    std::fs::create_dir_all(home)?;
    let (work, state) = (home.to_string_lossy().into_owned(), home.join("state").to_string_lossy().into_owned());
    let args = AgentArgs::try_parse_from(["agent", "--url", url, "--directory", &work, "--state-dir", &state])?;
    let environment =
        vec![("CHATMESH_AGENT_TOKEN".into(), (&credentials.token).into()), ("PATH".into(), "/usr/bin:/bin".into())];
    let agent = Agent::open(Config::load(args, environment)?)?;
    let shutdown = shutdown.clone();
    tasks.spawn("agent", async move {
        // An agent that gave up is found by its absence.
        let _ = agent.run(shutdown).await;
    });
    Ok(())
}

type Member = (Credentials, std::path::PathBuf);

async fn reach_all(fleet: &[Member], relay: &Peer, callers: usize) -> anyhow::Result<usize> {
    let reached =
        futures::stream::iter(fleet).map(|(credentials, _)| pong(relay, credentials)).buffer_unordered(callers);
    let reached: Vec<anyhow::Result<()>> = reached.collect().await;
    reached.into_iter().collect::<anyhow::Result<Vec<()>>>().map(|all| all.len())
}

async fn pong(relay: &Peer, credentials: &Credentials) -> anyhow::Result<()> {
    eventually(&format!("agent {} answers", credentials.agent_id), LONG, PAUSE, async || {
        let mut request = to(credentials.agent_id, pb::PingRequest {})?;
        request.set_timeout(Duration::from_secs(5));
        Ok(DiagnosticsServiceClient::new(relay.clone()).ping(request).await.ok().map(drop))
    })
    .await
}

async fn reachable_again(fleet: &[Member], relay: &Peer, callers: usize, began: Instant) -> anyhow::Result<Spread> {
    let times = futures::stream::iter(fleet).map(async |(credentials, _)| {
        pong(relay, credentials).await?;
        Ok::<_, anyhow::Error>(began.elapsed())
    });
    let times: Vec<anyhow::Result<Duration>> = times.buffer_unordered(callers).collect().await;
    Spread::of(times.into_iter().collect::<anyhow::Result<_>>()?)
}

/// What became of calls.
#[derive(Debug, Default)]
struct Calls {
    answered: usize,
    again: usize,
    keys: Vec<(usize, String)>,
}

/// Appends a line to a file in every workspace in turn, each under a key of its own, until it is told to stop. A call
/// that breaks is made again under its key.
async fn call_all(fleet: &[Member], relay: &Peer, callers: usize, stop: Arc<AtomicBool>) -> anyhow::Result<Calls> {
    let mut calls = Calls::default();
    for round in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let made = futures::stream::iter(fleet.iter().enumerate()).map(async |(number, (credentials, _))| {
            let key = format!("{round}-{number}");
            let again = append(relay, credentials, &key).await?;
            Ok::<_, anyhow::Error>((number, key, again))
        });
        let made: Vec<anyhow::Result<_>> = made.buffer_unordered(callers.min(8)).collect().await;
        for made in made {
            let (number, key, again) = made?;
            calls.answered += 1;
            calls.again += again;
            calls.keys.push((number, key));
        }
    }
    Ok(calls)
}

async fn append(relay: &Peer, credentials: &Credentials, key: &str) -> anyhow::Result<usize> {
    let command = format!("echo {key} >> effects");
    let mut again = 0;
    eventually("a command is started", LONG, PAUSE, async || {
        let request =
            pb::StartProcessRequest { command: command.clone(), idempotency_key: key.to_owned(), ..Default::default() };
        let mut client = ProcessServiceClient::new(relay.clone());
        let mut request = to(credentials.agent_id, request)?;
        request.set_timeout(Duration::from_secs(5));
        let Ok(started) = client.start_process(request).await else {
            again += 1;
            return Ok(None);
        };
        let process_id = started.into_inner().process.context("no process")?.id;
        let wait = pb::WaitProcessRequest { process_id, timeout_ms: 5_000 };
        let Ok(waited) = client.wait_process(to(credentials.agent_id, wait)?).await else {
            again += 1;
            return Ok(None);
        };
        let ended = waited.into_inner().process.is_some_and(|process| !process.running);
        Ok(ended.then_some(()))
    })
    .await?;
    Ok(again)
}

/// How many effects are there more than once. Every answered call has one.
fn count_effects(fleet: &[Member], calls: &Calls) -> anyhow::Result<usize> {
    let mut doubled = 0;
    let mut found = Vec::new();
    for (_, home) in fleet {
        let text = std::fs::read_to_string(home.join("effects")).unwrap_or_default();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let all = lines.len();
        lines.sort_unstable();
        lines.dedup();
        doubled += all - lines.len();
        found.push(lines);
    }
    for (number, key) in &calls.keys {
        ensure!(found[*number].binary_search(key).is_ok(), "the effect of {key} is missing");
    }
    Ok(doubled)
}

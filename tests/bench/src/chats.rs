//! Many running chats on one worker. See `chats-bench`.

mod bare;
mod load;
mod statements;

use std::time::Duration;

use anyhow::ensure;
use chatmesh_testkit::simulator::{Script, Simulator, SimulatorConfig, Step};

use crate::figures::{line, machine, mebibytes, ratio, title};
use crate::limits::allow_connections;
use crate::mesh::{Plan, Storage};
use crate::programs::Programs;
use load::{Cost, Load};

const MODEL: &str = "bench-slow";
/// A piece of an answer.
const PIECE: &str = "slow words. ";

/// Measures what running chats cost a chat worker
#[derive(Debug, clap::Parser)]
pub struct Args {
    #[command(flatten)]
    programs: Programs,
    /// How many chats run at once
    #[arg(long, default_value_t = 10_000)]
    chats: usize,
    /// The time between two pieces of an answer
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
    interval: Duration,
    /// How long an answer takes; longer than it takes to start all chats and to measure them
    #[arg(long, default_value = "6m", value_parser = humantime::parse_duration)]
    answer: Duration,
    /// How long to measure when all chats run
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    window: Duration,
    /// How often the worker renews its leases
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    heartbeat: Duration,
    /// Reads streams of this provider and does nothing else: what the chats are compared with
    #[arg(long, hide = true)]
    bare: Option<String>,
}

/// Runs the benchmark.
///
/// # Errors
/// A process does not start, or the chats do not all run while they are measured.
pub async fn run(args: Args) -> anyhow::Result<()> {
    ensure!(!args.interval.is_zero() && !args.heartbeat.is_zero(), "the intervals must be more than 0");
    if let Some(url) = &args.bare {
        return bare::read(url, args.chats).await;
    }
    allow_connections(args.chats)?;
    machine();
    line("load", format_args!("{} chats, a piece every {:?} in each", args.chats, args.interval));
    let through = through_the_mesh(&args).await?;
    title("A bare reader of as many streams");
    let (direct, idle) = bare::measure(&args).await?;
    line("memory", format_args!("{:.1} MiB before any stream", mebibytes(idle)));
    print(&direct, &args);

    title("Ratios to the bare reader, per chat");
    let [worker, proxy] = [&through.worker, &through.proxy];
    let memory = |bytes: u64| bytes as f64 / direct.grown_bytes as f64;
    line("memory of the chat worker", format_args!("{:.2}", memory(worker.grown_bytes)));
    line("  with the provider proxy", format_args!("{:.2}", memory(worker.grown_bytes + proxy.grown_bytes)));
    line("processor time of the worker", format_args!("{:.2}", ratio(worker.cpu, direct.cpu)));
    line("  with the provider proxy", format_args!("{:.2}", ratio(worker.cpu + proxy.cpu, direct.cpu)));
    Ok(())
}

/// What the chats cost the processes that they go through.
struct Through {
    worker: Cost,
    proxy: Cost,
}

async fn through_the_mesh(args: &Args) -> anyhow::Result<Through> {
    let simulator = simulator(args).await?;
    let storage = Storage::best();
    let room = args.chats.to_string();
    let heartbeat = format!("{}ms", args.heartbeat.as_millis());
    let lease = format!("{}ms", args.heartbeat.as_millis() * 6);
    let mut cluster = Plan::new(&args.programs, &storage)
        .for_service("chat", "chat", "max_running", &room)
        .for_service("chat", "chat", "heartbeat_interval", &heartbeat)
        .for_service("chat", "chat", "lease_duration", &lease)
        .start()
        .await?;
    cluster.api().configure_simulator(&simulator, MODEL).await?;

    title(format_args!("The mesh, on {}", storage.name()));
    let counted = statements::Counted::of(&cluster, &storage).await;
    let load = Load::start(&cluster, &simulator, args).await?;
    let before = counted.now().await?;
    let through = load.measure(args).await?;
    let run = counted.since(before).await?;
    // To end in order would be to hand over all of the chats.
    cluster.kill();

    title("  the chat worker");
    print(&through.worker, args);
    title("  the provider proxy");
    print(&through.proxy, args);
    title("  the database of the chat service");
    run.print(args);
    Ok(through)
}

/// A provider whose answers are slow.
async fn simulator(args: &Args) -> anyhow::Result<Simulator> {
    let pieces = args.answer.as_nanos() / args.interval.as_nanos();
    let text = PIECE.repeat(usize::try_from(pieces)?.max(1));
    let answer = Step::text(text).delta_characters(PIECE.len()).delta_delay(args.interval);
    let config = SimulatorConfig { journal_limit: 0, ..SimulatorConfig::default() };
    Simulator::start(config.with_script(Script::new(MODEL).step(answer).looped())).await
}

fn print(cost: &Cost, args: &Args) {
    let chats = args.chats as f64;
    line(
        "  memory",
        format_args!(
            "{:.1} KiB per chat ({:.1} MiB in all)",
            cost.grown_bytes as f64 / 1024.0 / chats,
            mebibytes(cost.grown_bytes)
        ),
    );
    let pieces = chats * cost.window.as_secs_f64() / args.interval.as_secs_f64();
    line(
        "  processor time",
        format_args!(
            "{:.1} % of a core, {:.0} µs per piece",
            cost.cpu.as_secs_f64() / cost.window.as_secs_f64() * 100.0,
            cost.cpu.as_secs_f64() * 1e6 / pieces
        ),
    );
}

//! What the proxy costs, beside others. See `llm-bench`.

mod client;
mod load;
mod provider;
mod report;
mod stamp;
mod target;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use crate::figures::{line, machine, title};
use crate::limits::allow_connections;
use crate::programs::Programs;
use load::Load;
use provider::Provider;
use report::{Figures, Table};
use stamp::Clock;
pub use target::Other;
use target::{CORE, Ours, Peers, Target};

/// Measures the proxy for models, and others beside it
#[derive(Debug, clap::Parser)]
pub struct Args {
    #[command(flatten)]
    programs: Programs,
    /// How many call at once, one measurement each
    #[arg(long, value_delimiter = ',', default_values_t = [1, 32, 256])]
    callers: Vec<usize>,
    /// How many pieces a streamed answer has
    #[arg(long, default_value_t = 20)]
    pieces: usize,
    /// How often each is measured; the medians count
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long one measurement takes
    #[arg(long, default_value = "3s", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// How long each is called before it is measured
    #[arg(long, default_value = "500ms", value_parser = humantime::parse_duration)]
    warm_up: Duration,
    /// Where `tests/bench/peers` has put TensorZero and LiteLLM; without it, ours is measured alone
    #[arg(long, value_name = "DIR")]
    peers: Option<PathBuf>,
    /// One more proxy: `NAME,URL[,model=MODEL][,pid=PID][,HEADER: VALUE]`
    #[arg(long = "peer", value_name = "PROXY")]
    others: Vec<Other>,
    /// Only targets whose name contains this, and the provider itself
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// Runs the benchmark.
///
/// # Errors
/// A process does not start, or an answer is wrong.
pub async fn run(args: Args) -> anyhow::Result<()> {
    allow_connections(args.callers.iter().max().copied().unwrap_or_default() * 4)?;
    machine();
    keep_to_our_core()?;
    let clock = Clock::start();
    let provider = Provider::start(clock, args.pieces).await?;
    line("cores", format_args!("the proxy has core {CORE}; provider and load, in this program, another one"));
    line("provider", "answers at once; a prompt of 1 KB; all answers are checked");
    line("measured", format_args!("{} rounds of {:?} each, in turns; medians", args.rounds, args.duration));
    line("ours keeps", "a record of each call in SQLite, limits and keys; the others keep nothing");

    let ours = Ours::start(&args.programs, provider.base_url()).await?;
    let peers = match &args.peers {
        Some(directory) => Some(Peers::start(directory, provider.base_url()).await?),
        None => None,
    };
    let mut targets = vec![Target::direct(provider.base_url())?];
    targets.extend(ours.targets()?);
    targets.extend(peers.iter().flat_map(Peers::targets));
    for other in &args.others {
        targets.push(other.target()?);
    }
    if let Some(only) = &args.only {
        targets.retain(|target| target.name.contains(only) || target.name == "direct");
    }

    for stream in [None, Some(args.pieces)] {
        for &callers in &args.callers {
            let load = Load { callers, stream, duration: args.duration };
            let table = measure(&args, &targets, load, clock).await?;
            match stream {
                None => title(format_args!("Whole answers, {callers} at once")),
                Some(pieces) => title(format_args!("Streams of {pieces} pieces, {callers} at once")),
            }
            table.print();
        }
    }
    Ok(())
}

/// Measures all targets in turns, so that what disturbs one disturbs all.
async fn measure(args: &Args, targets: &[Target], load: Load, clock: Clock) -> anyhow::Result<Table> {
    let mut table = Table::new(targets.iter().map(|target| target.name.clone()), load.stream);
    for round in 0..args.rounds {
        for (at, target) in targets.iter().enumerate() {
            let in_context = || format!("{}, {} at once", target.name, load.callers);
            if round == 0 {
                let warm_up = Load { duration: args.warm_up, ..load };
                warm_up.run(&target.address, clock).await.with_context(in_context)?;
            }
            let before = target.usage()?;
            let outcome = load.run(&target.address, clock).await.with_context(in_context)?;
            let after = target.usage()?;
            table.add(at, Figures::of(outcome, before, after)?);
        }
    }
    Ok(table)
}

/// Keeps this program off the core of what is measured, where there is another.
fn keep_to_our_core() -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism()?.get();
    let mut ours = CpuSet::new();
    for core in 0..cores {
        if core != CORE || cores == 1 {
            ours.set(core)?;
        }
    }
    sched_setaffinity(Pid::from_raw(0), &ours).context("this program cannot be kept to a core")
}

//! From the provider to subscribers. See `latency-bench`.

mod provider;
mod readers;

use std::time::Duration;

use crate::api::Api;
use crate::figures::{Spread, line, machine, millis, ratio, title};
use crate::limits::allow_connections;
use crate::mesh::{Mesh, Plan, Storage, Up};
use crate::programs::Programs;
use provider::{MODEL, Provider};
use readers::Heard;

/// Measures the time from the provider to the subscribers of a chat
#[derive(Debug, clap::Parser)]
pub struct Args {
    #[command(flatten)]
    programs: Programs,
    /// How many subscribers, one measurement each
    #[arg(long, value_delimiter = ',', default_values_t = [1, 100, 1000])]
    subscribers: Vec<usize>,
    /// How many pieces an answer has
    #[arg(long, default_value_t = 100)]
    pieces: usize,
    /// The time between two pieces
    #[arg(long, default_value = "100ms", value_parser = humantime::parse_duration)]
    interval: Duration,
    /// A process for each service instead of one for all
    #[arg(long)]
    cluster: bool,
}

/// Runs the benchmark.
///
/// # Errors
/// A process does not start, or nobody hears anything.
pub async fn run(args: Args) -> anyhow::Result<()> {
    // Both ends of the direct readers' connections are ours.
    allow_connections(args.subscribers.iter().max().copied().unwrap_or_default() * 2)?;
    let provider = Provider::start(args.pieces, args.interval).await?;
    machine();
    line("answer", format_args!("{} pieces, one every {:?}", args.pieces, args.interval));
    let mesh = if args.cluster {
        Mesh::Cluster(Plan::new(&args.programs, &Storage::best()).start().await?)
    } else {
        Mesh::Up(Up::start(&args.programs, &[]).await?)
    };
    mesh.api().configure(provider.base_url(), &[MODEL]).await?;
    warm_up(mesh.api()).await?;

    let one = readers::direct(&provider, 1).await?;
    let one = print("directly, 1 reader", one, args.pieces)?;
    for count in args.subscribers {
        title(format_args!("Subscribers: {count}"));
        let through = readers::subscribed(mesh.api(), &provider, count).await?;
        let through = print("through the mesh", through, args.pieces * count)?;
        let direct = readers::direct(&provider, count).await?;
        let direct = print("directly, as many readers", direct, args.pieces * count)?;
        compare("ratio to 1 direct reader", &through, &one);
        compare("ratio to as many direct readers", &through, &direct);
        let pause = through.percentile(99).as_secs_f64() / args.interval.as_secs_f64();
        line("p99 in pauses between pieces", format_args!("{pause:.2} (from 1.00 on, subscribers fall behind)"));
    }
    Ok(())
}

/// An answer to one subscriber, so that connections are made and statements prepared.
async fn warm_up(api: &Api) -> anyhow::Result<()> {
    api.run_turn(MODEL, None).await
}

fn print(name: &str, heard: Heard, expected: usize) -> anyhow::Result<Spread> {
    let missing = expected.saturating_sub(heard.delays.len());
    let spread = Spread::of(heard.delays)?;
    line(name, &spread);
    if missing > 0 {
        line("  MISSING", format_args!("{missing} of {expected} pieces were not heard live"));
    }
    if let Some(error) = heard.error {
        line("  a reader failed", error);
    }
    Ok(spread)
}

fn compare(name: &str, one: &Spread, other: &Spread) {
    let [half, most] = [50, 99].map(|percent| ratio(one.percentile(percent), other.percentile(percent)));
    let more = millis(one.median()) - millis(other.median());
    line(name, format_args!("p50 {half:.2}, p99 {most:.2}; p50 {more:+.2} ms"));
}

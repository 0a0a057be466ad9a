//! Bytes and calls on the way to a workspace. See `tunnel-bench`.

mod calls;
mod carriers;
mod direct;
mod endpoint;
mod ssh;
mod world;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;

use crate::figures::{Spread, line, machine, mebibytes, row, title};
use crate::programs::Programs;
use carriers::Carrier;
use endpoint::Endpoint;
use ssh::Ssh;
use world::World;

/// Measures the way to a workspace
#[derive(Debug, clap::Parser)]
pub struct Args {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    programs: Programs,
    /// How many bytes each stream carries
    #[arg(long, default_value_t = 1 << 30)]
    bytes: u64,
    /// How often each is measured, in turns
    #[arg(long, default_value_t = 10)]
    repetitions: usize,
    /// How many small calls each measurement makes, one after the other
    #[arg(long, default_value_t = 10_000)]
    calls: usize,
    /// How long control is measured beside a bulk stream
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    beside: Duration,
}

/// What another process of the measurement does.
#[derive(Debug, clap::Subcommand)]
enum Role {
    /// Serves an agent's services on a port
    #[command(hide = true)]
    ServeDirect {
        /// Where to listen
        address: SocketAddr,
    },
}

/// Which way the bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// To the workspace.
    Up,
    /// From the workspace.
    Down,
}

/// Runs the benchmark.
///
/// # Errors
/// A process does not start, or bytes are missing.
pub async fn run(args: Args) -> anyhow::Result<()> {
    if let Some(Role::ServeDirect { address }) = args.role {
        return direct::run(address).await;
    }
    machine();
    let endpoint = Endpoint::start(args.bytes).await?;
    let world = World::start(&args.programs).await?;
    let ssh = Ssh::start(&endpoint).await?;
    line("stream", format_args!("{:.0} MiB in writes of 64 KiB", mebibytes(args.bytes)));
    line("measured", format_args!("{} repetitions in turns; medians", args.repetitions));
    line("ours", "caller -> relay -> TLS -> agent -> TCP port, three processes");
    line("OpenSSH", ssh.version());

    let carriers = [
        Carrier::Tcp(endpoint.plain()),
        Carrier::Tls(endpoint.tls()),
        Carrier::Ssh(&ssh),
        Carrier::Grpc(world.direct()),
        Carrier::Ours(world.through_relay()),
    ];
    for direction in [Direction::Up, Direction::Down] {
        streams(&args, &endpoint, &carriers, direction).await?;
    }
    calls::measure(&world, args.calls, args.repetitions).await?;
    calls::beside_bulk(&world, &endpoint, args.beside).await?;
    let [relay, agent] = world.usage()?;
    title("Memory at the end");
    line("relay", format_args!("{:.1} MiB", mebibytes(relay.resident_bytes)));
    line("agent", format_args!("{:.1} MiB", mebibytes(agent.resident_bytes)));
    Ok(())
}

/// One carrier after the other, again and again.
async fn streams(
    args: &Args,
    endpoint: &Endpoint,
    carriers: &[Carrier<'_>],
    direction: Direction,
) -> anyhow::Result<()> {
    let mut times: Vec<Vec<Duration>> = carriers.iter().map(|_| Vec::new()).collect();
    for repetition in 0..=args.repetitions {
        for (carrier, times) in carriers.iter().zip(&mut times) {
            let took = carrier
                .carry(endpoint, direction, args.bytes)
                .await
                .with_context(|| format!("{} {direction:?}", carrier.name()))?;
            // The first round warms up.
            if repetition > 0 {
                times.push(took);
            }
        }
    }
    let names = match direction {
        Direction::Up => "To the workspace",
        Direction::Down => "From the workspace",
    };
    title(format_args!("{names}, MiB/s"));
    row("", &["median".to_owned(), "worst".to_owned(), "best".to_owned()]);
    let rate = |time: Duration| mebibytes(args.bytes) / time.as_secs_f64();
    let mut medians = Vec::new();
    for (carrier, times) in carriers.iter().zip(times) {
        let spread = Spread::of(times)?;
        let cells = [50, 100, 1].map(|percent| format!("{:.0}", rate(spread.percentile(percent))));
        row(carrier.name(), &cells);
        medians.push((carrier.name(), rate(spread.median())));
    }
    let (_, ours) = medians.last().copied().context("ours is the last")?;
    for (name, theirs) in &medians[..medians.len() - 1] {
        line(&format!("ours / {name}"), format_args!("{:.2}", ours / theirs));
    }
    Ok(())
}

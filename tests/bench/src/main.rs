//! What a turn costs: a turn of ten tool steps through the whole mesh, against a bare loop that
//! makes the same model calls and starts the same commands without one.
//!
//! Run it on release builds: `cargo build --release && cargo run --release -p chatmesh-bench --bin turn-bench`.

mod bare;
mod mesh;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use chatmesh_testkit::simulator::{Simulator, SimulatorConfig};
use clap::Parser;

/// The model whose script has ten steps with a tool each, without delay.
const MODEL: &str = "sim-steps-10";

/// Measures start-up, memory and a turn of ten tool steps
#[derive(Debug, Parser)]
struct Args {
    /// The binary to measure
    #[arg(long, default_value = "target/release/chatmesh")]
    chatmesh: PathBuf,
    /// How many turns
    #[arg(long, default_value_t = 30)]
    turns: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chatmesh_runtime::install_crypto();
    let args = Args::parse();
    let simulator = Simulator::start(SimulatorConfig::default()).await?;
    let mut out = std::io::stdout();
    writeln!(out, "binary           {:.1} MiB", mebibytes(std::fs::metadata(&args.chatmesh)?.len()))?;

    let (mesh, started) = mesh::Mesh::start(&args.chatmesh, &simulator.base_url()).await?;
    writeln!(out, "start to ready   {} ms", started.as_millis())?;
    writeln!(out, "memory at rest   {:.1} MiB", mebibytes(mesh.resident_bytes()?))?;

    let mut whole = Vec::new();
    let mut own = Vec::new();
    for _ in 0..args.turns {
        simulator.journal().clear();
        let took = mesh.turn().await?;
        let simulated = Duration::from_secs_f64(simulator.journal().stats().simulator_ms / 1000.0);
        whole.push(took);
        own.push(took.saturating_sub(simulated));
    }
    let mut bare = Vec::new();
    for _ in 0..args.turns {
        simulator.journal().clear();
        let took = bare::turn(&simulator.base_url()).await?;
        let simulated = Duration::from_secs_f64(simulator.journal().stats().simulator_ms / 1000.0);
        bare.push(took.saturating_sub(simulated));
    }
    writeln!(out, "memory after     {:.1} MiB", mebibytes(mesh.resident_bytes()?))?;
    writeln!(out, "turn, 10 steps   {}", spread(&mut whole))?;
    writeln!(out, "  less simulator {}", spread(&mut own))?;
    writeln!(out, "bare loop        {}", spread(&mut bare))?;
    let ratio = own[own.len() / 2].as_secs_f64() / bare[bare.len() / 2].as_secs_f64();
    writeln!(out, "ratio            {ratio:.2} (median of the mesh's own time to that of the bare loop)")?;
    mesh.stop().await;
    Ok(())
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

fn spread(times: &mut [Duration]) -> String {
    times.sort();
    let millis = |time: Duration| time.as_secs_f64() * 1000.0;
    let (first, middle, last) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    format!("min {:.1} ms, median {:.1} ms, max {:.1} ms", millis(first), millis(middle), millis(last))
}

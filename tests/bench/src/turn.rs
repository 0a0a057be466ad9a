//! A turn of ten tool steps. See `turn-bench`.

mod bare;
mod breakdown;
mod engine;
mod measure;

use std::time::Duration;

use chatmesh_testkit::simulator::{Script, Simulator, SimulatorConfig, Step};
use serde_json::json;

use crate::figures::{Spread, line, machine, mebibytes, title};
use crate::programs::Programs;
use engine::Engine;

const MODEL: &str = "bench-ten-steps";
const STEPS: usize = 10;
/// What each step runs.
const COMMAND: &str = "echo step";

/// What a turn may take at most, and what it should.
const BAR: Duration = Duration::from_millis(150);
const AIM: Duration = Duration::from_millis(60);

/// Turns before those that are measured: connections are made, statements prepared.
const WARM_UP: usize = 3;
/// The most turns that are traced.
const TRACED: usize = 20;

/// Measures start-up, memory and a turn of ten tool steps
#[derive(Debug, clap::Parser)]
pub struct Args {
    #[command(flatten)]
    programs: Programs,
    /// How many turns
    #[arg(long, default_value_t = 100)]
    turns: usize,
    /// Where the mesh keeps its data; PostgreSQL is left out where no server is named
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Engine::Sqlite, Engine::Postgres])]
    engines: Vec<Engine>,
}

/// Runs the benchmark.
///
/// # Errors
/// A process does not start, or a turn fails.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let simulator = Simulator::start(SimulatorConfig::default().with_script(script())).await?;
    machine();
    line("chatmesh", size(&args.programs, "chatmesh")?);
    line("chatmesh-agent", size(&args.programs, "chatmesh-agent")?);

    let bare = measure::bare_turns(&simulator, args.turns).await?;
    title(format_args!("Bare loop: {} model calls, {STEPS} commands", STEPS + 1));
    line("turn", &bare.whole);
    line("  less the provider", &bare.own);
    for engine in args.engines {
        if let Some(storage) = engine.storage() {
            measure::mesh_turns(&args.programs, &simulator, engine, storage, args.turns, &bare).await?;
        } else {
            title(format_args!("{engine}: left out, CHATMESH_TEST_POSTGRES is not set"));
        }
    }
    Ok(())
}

fn script() -> Script {
    let step = Step::calls().call("execute", json!({"command": COMMAND}));
    let script = (0..STEPS).fold(Script::new(MODEL).per_turn(), |script, _| script.step(step.clone()));
    script.step(Step::text("All steps are done."))
}

fn size(programs: &Programs, name: &str) -> anyhow::Result<String> {
    Ok(format!("{:.1} MiB", mebibytes(std::fs::metadata(programs.path(name)?)?.len())))
}

/// How long turns took.
struct Turns {
    whole: Spread,
    /// Without the time that the provider itself took.
    own: Spread,
}

//! Two workers against one. See `workers-bench`.

mod drain;

use std::time::Duration;

use anyhow::Context as _;
use chatmesh_testkit::simulator::{Script, Simulator, SimulatorConfig, Step};

use crate::figures::{line, machine, title};
use crate::mesh::{Plan, Storage};
use crate::programs::Programs;
use drain::Drained;

const MODEL: &str = "bench-thinker";
/// The numbers of workers that are compared.
const WORKERS: [usize; 2] = [1, 2];

/// Measures the throughput of two chat workers against one
#[derive(Debug, clap::Parser)]
pub struct Args {
    #[command(flatten)]
    programs: Programs,
    /// How many chats, of one turn each, for each measurement
    #[arg(long, default_value_t = 600)]
    chats: usize,
    /// How many chats a worker runs at once
    #[arg(long, default_value_t = 16)]
    running: usize,
    /// How long the provider thinks before it answers
    #[arg(long, default_value = "250ms", value_parser = humantime::parse_duration)]
    think: Duration,
}

/// Runs the benchmark.
///
/// # Errors
/// There is no PostgreSQL server, a process does not start, or a turn fails.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let server = chatmesh_testkit::server()
        .context("two workers need a database server: set CHATMESH_TEST_POSTGRES, or use tests/bench/run")?;
    let answer = Step::text("I have thought about that, and this is the answer.").first_delay(args.think);
    let script = Script::new(MODEL).step(answer).looped();
    let simulator = Simulator::start(SimulatorConfig::default().with_script(script)).await?;
    machine();
    line("a worker's room", format_args!("{} chats at once, {:?} of thinking each", args.running, args.think));

    let storage = Storage::Postgres(server);
    // This process of the service creates chats and runs none.
    let plan = Plan::new(&args.programs, &storage).for_service("chat", "chat", "max_running", "0");
    let mut cluster = plan.start().await?;
    cluster.api().configure_simulator(&simulator, MODEL).await?;
    let mut rates = Vec::new();
    for workers in WORKERS {
        let drained = drain::drain(&mut cluster, &simulator, &args, workers).await?;
        rates.push(drained.rate());
        print(&drained, workers, &args);
    }
    title("two workers to one");
    if let [one, two] = rates[..] {
        line("ratio", format_args!("{:.2} (at best 2)", two / one));
    }
    Ok(())
}

fn print(drained: &Drained, workers: usize, args: &Args) {
    title(format_args!("{workers} worker{}", if workers == 1 { "" } else { "s" }));
    line("throughput", format_args!("{:.1} turns/s", drained.rate()));
    let allowed = (workers * args.running) as f64 / args.think.as_secs_f64();
    line("ratio to room / thinking", format_args!("{:.2} (at best {allowed:.0} turns/s)", drained.rate() / allowed));
    line("cores used by each worker", drained.cores());
    line("model calls per turn", format_args!("{:.2}", drained.calls_per_turn));
    line("created before", format_args!("{} chats, {:.0} per second", args.chats, drained.created_per_second));
}

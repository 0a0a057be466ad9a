//! Runs turns and prints what they took.

use std::time::{Duration, Instant};

use chatmesh_testkit::simulator::Simulator;

use super::breakdown::Breakdown;
use super::engine::Engine;
use super::{AIM, BAR, MODEL, STEPS, TRACED, Turns, WARM_UP, bare};
use crate::api::Api;
use crate::collector::Collector;
use crate::figures::{Spread, line, mebibytes, millis, ratio, title};
use crate::mesh::{Mesh, Storage, variable};
use crate::programs::Programs;
use crate::statements::Statements;

/// Turns of the bare loop.
pub(super) async fn bare_turns(simulator: &Simulator, turns: usize) -> anyhow::Result<Turns> {
    let client = reqwest::Client::builder().tcp_nodelay(true).build()?;
    repeat(simulator, turns, async || bare::turn(&client, &simulator.base_url()).await).await
}

/// Turns through a mesh.
pub(super) async fn mesh_turns(
    programs: &Programs,
    simulator: &Simulator,
    engine: Engine,
    storage: Storage,
    turns: usize,
    bare: &Turns,
) -> anyhow::Result<()> {
    title(engine);
    let mesh = engine.start(programs, &storage, &[]).await?;
    if let Mesh::Up(up) = &mesh {
        line("start to ready", format_args!("{:.0} ms", millis(up.started())));
    }
    let at_rest = mesh.resident_bytes()?;
    let workspace = set_up(mesh.api(), simulator).await?;
    let counted = Counted::begin(&mesh, &storage).await?;
    let taken = through(simulator, mesh.api(), &workspace, turns).await?;
    line("turn", &taken.whole);
    line("  less the provider", &taken.own);
    line("  verdict", verdict(taken.whole.median()));
    line(
        "ratio to the bare loop",
        format_args!(
            "{:.2} (medians, both less the provider), {:.2} ms more per step",
            ratio(taken.own.median(), bare.own.median()),
            millis(taken.own.median().saturating_sub(bare.own.median())) / STEPS as f64
        ),
    );
    line(
        "memory",
        format_args!("{:.1} MiB at rest, {:.1} MiB after", mebibytes(at_rest), mebibytes(mesh.resident_bytes()?)),
    );
    if let Some(counted) = counted {
        counted.print(turns).await?;
    }
    drop(mesh);
    traced_turns(programs, simulator, engine, &storage, turns.min(TRACED)).await
}

/// The same with tracing, which shows where the time goes and takes some itself.
async fn traced_turns(
    programs: &Programs,
    simulator: &Simulator,
    engine: Engine,
    storage: &Storage,
    turns: usize,
) -> anyhow::Result<()> {
    let collector = Collector::start().await?;
    // Agents are told by whoever starts them.
    let settings = ["telemetry", "provisioner"].map(|one| variable(one, "otlp_endpoint", collector.endpoint()));
    let mesh = engine.start(programs, storage, &settings).await?;
    let workspace = set_up(mesh.api(), simulator).await?;
    let taken = through(simulator, mesh.api(), &workspace, turns).await?;
    // The end of a process sends the rest of its spans.
    drop(mesh);
    let mut traces = collector.traces_with("chat.turn");
    let measured = traces.split_off(traces.len().saturating_sub(turns));
    let provider = taken.whole.mean().saturating_sub(taken.own.mean());
    Breakdown::of(&measured).print(taken.whole.mean(), provider);
    Ok(())
}

async fn set_up(api: &Api, simulator: &Simulator) -> anyhow::Result<String> {
    api.configure_simulator(simulator, MODEL).await?;
    let workspace = api.create_workspace().await?;
    for _ in 0..WARM_UP {
        api.run_turn(MODEL, Some(&workspace)).await?;
    }
    Ok(workspace)
}

async fn through(simulator: &Simulator, api: &Api, workspace: &str, turns: usize) -> anyhow::Result<Turns> {
    repeat(simulator, turns, async || {
        let began = Instant::now();
        api.run_turn(MODEL, Some(workspace)).await?;
        Ok(began.elapsed())
    })
    .await
}

async fn repeat(
    simulator: &Simulator,
    turns: usize,
    turn: impl AsyncFn() -> anyhow::Result<Duration>,
) -> anyhow::Result<Turns> {
    let (mut whole, mut own) = (Vec::new(), Vec::new());
    for _ in 0..turns {
        simulator.journal().clear();
        let took = turn().await?;
        let provider = Duration::from_secs_f64(simulator.journal().stats().simulator_ms / 1000.0);
        whole.push(took);
        own.push(took.saturating_sub(provider));
    }
    Ok(Turns { whole: Spread::of(whole)?, own: Spread::of(own)? })
}

fn verdict(median: Duration) -> String {
    let [median_ms, bar, aim] = [median, BAR, AIM].map(millis);
    let verdict = match median {
        _ if median <= AIM => "within the aim",
        _ if median <= BAR => "within the bar, not the aim",
        _ => "over the bar",
    };
    format!("{verdict}: {median_ms:.1} ms, bar {bar:.0} ms, aim {aim:.0} ms")
}

/// The statements of a mesh on a server that counts them.
struct Counted {
    statements: Statements,
    databases: Vec<String>,
    before: crate::statements::Counts,
}

impl Counted {
    async fn begin(mesh: &Mesh, storage: &Storage) -> anyhow::Result<Option<Self>> {
        let (Mesh::Cluster(cluster), Storage::Postgres(server)) = (mesh, storage) else { return Ok(None) };
        let Some(statements) = Statements::of(server).await else {
            line("statements", "not counted: the server was started without pg_stat_statements");
            return Ok(None);
        };
        let databases = cluster.database_names();
        let before = statements.now(&databases).await?;
        Ok(Some(Self { statements, databases, before }))
    }

    async fn print(self, turns: usize) -> anyhow::Result<()> {
        let run = self.statements.now(&self.databases).await?.since(&self.before);
        let per_turn = |sum: f64| sum / turns as f64;
        let calls = per_turn(run.iter().map(|one| one.calls as f64).sum());
        let took = per_turn(run.iter().map(|one| one.millis).sum());
        line("statements per turn", format_args!("{calls:.0}, in which the server computes {took:.2} ms"));
        for one in run.iter().take(5) {
            line("", format_args!("{:>5.1}  {}", per_turn(one.calls as f64), one.outline()));
        }
        Ok(())
    }
}

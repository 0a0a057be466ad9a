//! Small calls, alone and beside a stream at full speed.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::diagnostics_service_client::DiagnosticsServiceClient;
use chatmesh_proto::agent::v1::process_service_client::ProcessServiceClient;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use super::Direction;
use super::carriers::Way;
use super::endpoint::Endpoint;
use super::world::World;
use crate::agents::to;
use crate::figures::{Spread, line, ratio, title};

/// The core that everything shares where calls are measured on one.
const CORE: usize = 0;
/// How many calls come first.
const WARM_UP: usize = 500;

/// Makes calls one after the other, directly and through the relay, on all cores and on one.
pub(super) async fn measure(world: &World, calls: usize, repetitions: usize) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism()?.get();
    for (where_, set) in [("all cores", (0..cores).collect::<Vec<_>>()), ("one core", vec![CORE])] {
        pin(world, &set)?;
        let (direct, ours) = (world.direct(), world.through_relay());
        ping(&direct, WARM_UP).await?;
        ping(&ours, WARM_UP).await?;
        let (mut theirs, mut mine) = (Vec::new(), Vec::new());
        let each = calls.div_ceil(repetitions.max(1));
        for _ in 0..repetitions {
            theirs.extend(ping(&direct, each).await?);
            mine.extend(ping(&ours, each).await?);
        }
        title(format_args!("{} small calls one after the other, {where_}", theirs.len()));
        let (theirs, mine) = (Spread::of(theirs)?, Spread::of(mine)?);
        line("gRPC, direct", &theirs);
        line("ours", &mine);
        line("ours / direct, p50", format_args!("{:.2}", ratio(mine.percentile(50), theirs.percentile(50))));
        line("ours / direct, p99", format_args!("{:.2}", ratio(mine.percentile(99), theirs.percentile(99))));
    }
    pin(world, &(0..cores).collect::<Vec<_>>())
}

async fn ping(way: &Way, calls: usize) -> anyhow::Result<Vec<Duration>> {
    let mut client = DiagnosticsServiceClient::new(way.peer.clone());
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let request = to(way.agent, pb::PingRequest {})?;
        let began = Instant::now();
        client.ping(request).await?;
        times.push(began.elapsed());
    }
    Ok(times)
}

/// Controls processes while a port of the same agent is used at full speed in both directions.
pub(super) async fn beside_bulk(world: &World, endpoint: &Endpoint, time: Duration) -> anyhow::Result<()> {
    let way = world.through_relay();
    let ports = endpoint.plain();
    let bytes = endpoint.bytes();
    let bulk = |direction| {
        let way = way.clone();
        async move {
            let mut streams = 0_u64;
            loop {
                way.carry(ports, direction, bytes).await?;
                streams += 1;
                if streams == u64::MAX {
                    return Ok::<_, anyhow::Error>(());
                }
            }
        }
    };
    let mut figures = Vec::new();
    for directions in
        [[Direction::Up, Direction::Up], [Direction::Down, Direction::Down], [Direction::Up, Direction::Down]]
    {
        let control = control(&way, time);
        let (first, second) = (bulk(directions[0]), bulk(directions[1]));
        let measured = tokio::select! {
            measured = control => measured?,
            ended = first => anyhow::bail!("the bulk stream ended: {ended:?}"),
            ended = second => anyhow::bail!("the bulk stream ended: {ended:?}"),
        };
        figures.push((directions, measured));
    }
    title(format_args!("Process control beside two streams at full speed, {time:?} each"));
    for (directions, [list, run]) in figures {
        line(&format!("{directions:?}, list"), list);
        line(&format!("{directions:?}, start and end"), run);
    }
    Ok(())
}

/// Lists processes, and runs a command to its end, again and again.
async fn control(way: &Way, time: Duration) -> anyhow::Result<[Spread; 2]> {
    let mut client = ProcessServiceClient::new(way.peer.clone());
    let until = Instant::now() + time;
    let (mut lists, mut runs) = (Vec::new(), Vec::new());
    while Instant::now() < until {
        let began = Instant::now();
        client.list_processes(to(way.agent, pb::ListProcessesRequest {})?).await?;
        lists.push(began.elapsed());
        let began = Instant::now();
        let command = pb::StartProcessRequest { command: "true".to_owned(), ..Default::default() };
        let started = client.start_process(to(way.agent, command)?).await?.into_inner();
        let process_id = started.process.context("no process")?.id;
        let wait = pb::WaitProcessRequest { process_id, timeout_ms: 10_000 };
        client.wait_process(to(way.agent, wait)?).await?;
        runs.push(began.elapsed());
    }
    Ok([Spread::of(lists)?, Spread::of(runs)?])
}

/// Keeps all threads of the processes on the way, and of this one, to these cores.
fn pin(world: &World, cores: &[usize]) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core)?;
    }
    let own = std::process::id();
    for pid in world.pids()?.into_iter().chain([own]) {
        for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            let thread: i32 = thread?.file_name().to_str().context("no number")?.parse()?;
            // A thread may have ended since.
            let _ = sched_setaffinity(Pid::from_raw(thread), &set);
        }
    }
    Ok(())
}

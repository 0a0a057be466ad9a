//! Workers that work off what is waiting for them.

use std::time::{Duration, Instant};

use anyhow::ensure;
use chatmesh_testkit::simulator::Simulator;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{Args, MODEL};
use crate::api::Api;
use crate::deadline::{LONG, eventually};
use crate::mesh::Cluster;
use crate::scrape::metric;

/// How many chats are created at a time.
const AT_ONCE: usize = 8;
/// How often the workers are asked how far they are.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a turn may take, with all that has to wait for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(2);

/// How it went.
#[derive(Debug)]
pub(super) struct Drained {
    /// The turns that were counted, and how long they took together.
    turns: u64,
    took: Duration,
    /// What each worker computed in that time.
    cpu: Vec<Duration>,
    pub(super) created_per_second: f64,
    /// More than one where a turn was run twice.
    pub(super) calls_per_turn: f64,
}

impl Drained {
    /// Turns per second.
    pub(super) fn rate(&self) -> f64 {
        self.turns as f64 / self.took.as_secs_f64()
    }

    pub(super) fn cores(&self) -> String {
        let cores = self.cpu.iter().map(|cpu| format!("{:.2}", cpu.as_secs_f64() / self.took.as_secs_f64()));
        cores.collect::<Vec<_>>().join(", ")
    }
}

/// Creates chats, starts workers, and waits until all chats are answered.
pub(super) async fn drain(
    cluster: &mut Cluster,
    simulator: &Simulator,
    args: &Args,
    workers: usize,
) -> anyhow::Result<Drained> {
    simulator.journal().clear();
    let began = Instant::now();
    create(cluster.api(), args.chats).await?;
    let created_per_second = args.chats as f64 / began.elapsed().as_secs_f64();

    let names: Vec<String> = (1..=workers).map(|number| format!("worker-{number}")).collect();
    let room = args.running.to_string();
    for name in &names {
        cluster.add("chat", name, &[("chat", "max_running", &room)]).await?;
    }
    let chats = u64::try_from(args.chats)?;
    let (first, last) = (chats / 10, chats - chats / 10);
    let limit = LONG + TURN_TIMEOUT * u32::try_from(args.chats)?;
    let answered = async |cluster: &Cluster, count: u64| {
        eventually(&format!("{count} chats are answered"), limit, PAUSE, async || {
            let committed = committed(cluster, &names).await?;
            Ok((committed >= count).then(|| (committed, Instant::now())))
        })
        .await
    };
    let (turns_before, first_at) = answered(cluster, first).await?;
    let before = used(cluster, &names)?;
    let (turns_after, last_at) = answered(cluster, last).await?;
    let after = used(cluster, &names)?;
    answered(cluster, chats).await?;
    all_wait(cluster.api()).await?;
    for name in &names {
        cluster.end(name).await?;
    }
    Ok(Drained {
        turns: turns_after - turns_before,
        took: last_at - first_at,
        cpu: before.into_iter().zip(after).map(|(before, after)| after.saturating_sub(before)).collect(),
        created_per_second,
        calls_per_turn: simulator.journal().stats().requests as f64 / args.chats as f64,
    })
}

async fn create(api: &Api, count: usize) -> anyhow::Result<()> {
    let created = stream::iter(0..count).map(|_| api.create_chat(MODEL, "Think.", None));
    created.buffer_unordered(AT_ONCE).map_ok(drop).try_collect().await
}

/// How many turns, of one step each, the workers have committed.
async fn committed(cluster: &Cluster, names: &[String]) -> anyhow::Result<u64> {
    let mut sum = 0;
    for name in names {
        // A worker that has not committed a step yet does not have the metric yet.
        let steps = metric(cluster.url(name)?, "chatmesh_chat_steps_total").await?;
        sum += steps.unwrap_or_default() as u64;
    }
    Ok(sum)
}

/// What the workers have computed so far.
fn used(cluster: &Cluster, names: &[String]) -> anyhow::Result<Vec<Duration>> {
    names.iter().map(|name| Ok(cluster.usage(name)?.cpu)).collect()
}

/// Waits until every turn is committed.
async fn all_wait(api: &Api) -> anyhow::Result<()> {
    eventually("all chats wait", LONG, Duration::from_millis(100), async || {
        let statuses = api.statuses().await?;
        let failed = statuses.iter().find(|status| *status == "CHAT_STATUS_ERROR");
        ensure!(failed.is_none(), "a turn failed");
        Ok(statuses.iter().all(|status| status == "CHAT_STATUS_WAITING").then_some(()))
    })
    .await
}

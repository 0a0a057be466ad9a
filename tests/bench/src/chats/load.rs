//! Starts chats, waits until all of them run, and measures the processes that run them.

use std::time::{Duration, Instant};

use anyhow::ensure;
use chatmesh_testkit::simulator::Simulator;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{Args, MODEL, Through};
use crate::deadline::eventually;
use crate::figures::{line, mebibytes};
use crate::mesh::Cluster;
use crate::process::Usage;
use crate::scrape::metric;

/// How many chats are created at a time.
const AT_ONCE: usize = 16;
const PAUSE: Duration = Duration::from_millis(200);
/// How long all that was started gets to come to rest before it is measured.
const SETTLE: Duration = Duration::from_secs(5);

const WORKER: &str = "chat";
const PROXY: &str = "llm";

/// What chats cost a process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// How much more memory it holds with all chats than with none.
    pub(super) grown_bytes: u64,
    /// The time that it computed while it was measured.
    pub(super) cpu: Duration,
    /// For how long it was measured.
    pub(super) window: Duration,
}

impl Cost {
    /// `idle` is before the chats; `begin` and `end` are a window's length apart.
    pub(super) fn of(idle: Usage, begin: Usage, end: Usage, window: Duration) -> Self {
        Self {
            grown_bytes: end.resident_bytes.saturating_sub(idle.resident_bytes),
            cpu: end.cpu.saturating_sub(begin.cpu),
            window,
        }
    }
}

/// Chats that run.
pub(super) struct Load<'a> {
    cluster: &'a Cluster,
    simulator: &'a Simulator,
    idle: [Usage; 2],
}

impl<'a> Load<'a> {
    /// Creates the chats and waits until all of them run.
    pub(super) async fn start(cluster: &'a Cluster, simulator: &'a Simulator, args: &Args) -> anyhow::Result<Self> {
        // A first chat makes the connections and prepares the statements.
        create(cluster, 1).await?;
        Self::streaming(simulator, 1, args.answer).await?;
        tokio::time::sleep(SETTLE).await;
        let load = Self { cluster, simulator, idle: load_usage(cluster)? };
        let bytes = load.idle.map(|usage| mebibytes(usage.resident_bytes));
        line(
            "memory",
            format_args!("chat worker {:.1} MiB, provider proxy {:.1} MiB with one chat", bytes[0], bytes[1]),
        );

        let began = Instant::now();
        create(cluster, args.chats - 1).await?;
        let created = began.elapsed();
        Self::streaming(simulator, args.chats, args.answer).await?;
        let rate = args.chats as f64 / created.as_secs_f64();
        line(
            "all chats run",
            format_args!("after {:.1} s, created at {rate:.0} per second", began.elapsed().as_secs_f64()),
        );
        tokio::time::sleep(SETTLE).await;
        Ok(load)
    }

    /// Waits until so many answers are under way.
    pub(super) async fn streaming(simulator: &Simulator, count: usize, limit: Duration) -> anyhow::Result<()> {
        let wanted = u64::try_from(count)?;
        eventually(&format!("{count} answers are streamed"), limit, PAUSE, async || {
            let stats = simulator.journal().stats();
            ensure!(
                stats.completed == 0,
                "the first answers have ended, {} are under way: make answers longer with --answer",
                stats.in_flight
            );
            ensure!(stats.errors == 0, "the provider refused: {stats:?}");
            Ok((stats.in_flight >= wanted).then_some(()))
        })
        .await
    }

    /// Measures the processes for as long as the window is.
    pub(super) async fn measure(self, args: &Args) -> anyhow::Result<Through> {
        let retries_before = self.metric("chatmesh_chat_stream_retries_total").await?;
        let (begin, began) = (load_usage(self.cluster)?, Instant::now());
        tokio::time::sleep(args.window).await;
        let (end, window) = (load_usage(self.cluster)?, began.elapsed());
        let running = self.metric("chatmesh_chat_running").await?;
        ensure!(running as usize == args.chats, "{running} of {} chats run at the end", args.chats);
        Self::streaming(self.simulator, args.chats, PAUSE).await?;
        let retries = self.metric("chatmesh_chat_stream_retries_total").await? - retries_before;
        line("model calls made again", format_args!("{retries:.0}"));
        let cost = |which: usize| Cost::of(self.idle[which], begin[which], end[which], window);
        Ok(Through { worker: cost(0), proxy: cost(1) })
    }

    /// A metric of the worker; 0 where nothing has been counted under any label yet.
    async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        Ok(metric(self.cluster.url(WORKER)?, name).await?.unwrap_or_default())
    }
}

async fn create(cluster: &Cluster, count: usize) -> anyhow::Result<()> {
    let created = stream::iter(0..count).map(|_| cluster.api().create_chat(MODEL, "Take your time.", None));
    created.buffer_unordered(AT_ONCE).map_ok(drop).try_collect().await
}

/// What the worker and the proxy have used so far.
fn load_usage(cluster: &Cluster) -> anyhow::Result<[Usage; 2]> {
    Ok([cluster.usage(WORKER)?, cluster.usage(PROXY)?])
}

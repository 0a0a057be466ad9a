//! The statements that running chats need.

use std::time::{Duration, Instant};

use super::Args;
use crate::figures::line;
use crate::mesh::{Cluster, Storage};
use crate::scrape::metric;
use crate::statements::{Counts, Statement, Statements};

/// What the worker says of itself, where the server does not count.
const METRIC: &str = "chatmesh_chat_heartbeats_total";
/// How many of the most frequent statements are shown.
const SHOWN: usize = 6;

/// Where statements are counted.
pub(super) struct Counted {
    statements: Option<(Statements, String)>,
    worker: Option<String>,
}

/// The counts of one moment.
pub(super) struct Moment {
    at: Instant,
    statements: Option<Counts>,
    heartbeats: Option<f64>,
}

/// What was run between two moments.
pub(super) struct Run {
    took: Duration,
    statements: Option<Vec<Statement>>,
    heartbeats: Option<f64>,
}

impl Counted {
    pub(super) async fn of(cluster: &Cluster, storage: &Storage) -> Self {
        let mut counted = Self { statements: None, worker: cluster.url("chat").ok().map(str::to_owned) };
        if let (Storage::Postgres(server), Some(database)) = (storage, cluster.database_name("chat")) {
            counted.statements = Statements::of(server).await.map(|statements| (statements, database));
        }
        counted
    }

    pub(super) async fn now(&self) -> anyhow::Result<Moment> {
        let statements = match &self.statements {
            Some((statements, database)) => Some(statements.now(std::slice::from_ref(database)).await?),
            None => None,
        };
        let heartbeats = match &self.worker {
            Some(url) => metric(url, METRIC).await?,
            None => None,
        };
        Ok(Moment { at: Instant::now(), statements, heartbeats })
    }

    pub(super) async fn since(&self, before: Moment) -> anyhow::Result<Run> {
        let now = self.now().await?;
        let statements = now.statements.zip(before.statements).map(|(now, before)| now.since(&before));
        let in_database = statements.as_ref().map(|run| heartbeats(run));
        let counted = now.heartbeats.zip(before.heartbeats).map(|(now, before)| now - before);
        Ok(Run { took: now.at - before.at, statements, heartbeats: in_database.or(counted) })
    }
}

impl Run {
    pub(super) fn print(&self, args: &Args) {
        let intervals = self.took.as_secs_f64() / args.heartbeat.as_secs_f64();
        match self.heartbeats {
            Some(count) => line(
                "  heartbeat statements",
                format_args!("{:.2} per interval of {:?} for all chats (at best 1)", count / intervals, args.heartbeat),
            ),
            None => line(
                "  heartbeat statements",
                format_args!("not known: neither pg_stat_statements nor the metric {METRIC} is there"),
            ),
        }
        let Some(run) = &self.statements else { return };
        let seconds = self.took.as_secs_f64();
        let calls: i64 = run.iter().map(|one| one.calls).sum();
        let busy: f64 = run.iter().map(|one| one.millis).sum();
        line(
            "  all statements",
            format_args!(
                "{:.0} per second, {:.1} per chat and minute; the server computes {:.1} % of a core",
                calls as f64 / seconds,
                calls as f64 / seconds * 60.0 / args.chats as f64,
                busy / 10.0 / seconds
            ),
        );
        for one in run.iter().take(SHOWN) {
            line("", format_args!("{:>7.1}/s  {}", one.calls as f64 / seconds, one.outline()));
        }
    }
}

fn heartbeats(run: &[Statement]) -> f64 {
    let renews = |one: &&Statement| one.text.starts_with("UPDATE") && one.text.contains("heartbeat");
    run.iter().filter(renews).map(|one| one.calls as f64).sum()
}

//! What goes wrong while clients ask.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::time::sleep;

use super::storm::Progress;
use crate::harness::{Cluster, Nats, Postgres};

/// What is killed: whatever a turn needs.
const VICTIMS: &[&str] = &["chat", "chat-2", "llm", "tools", "relay", "gateway"];
const KILL_INTERVAL: RangeInclusive<u64> = 1000..=1000;
/// How long the bus is away, and then there.
const BUS_INTERVAL: Duration = Duration::from_secs(5);
/// How often the database crashes, spread over the turns.
const DATABASE_CRASHES: usize = 3;
const PAUSE: Duration = Duration::from_millis(50);

/// Processes are killed, by default every second; what they stand on may go away, too.
pub(super) struct Weather<'a> {
    victims: &'static [&'static str],
    /// Milliseconds between two kills.
    pauses: RangeInclusive<u64>,
    postgres: Option<&'a Postgres>,
    nats: Option<&'a mut Nats>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    killed: BTreeMap<&'static str, usize>,
    /// Processes that did not survive what happened to others.
    ended: BTreeMap<&'static str, usize>,
    database_crashes: usize,
    bus_losses: usize,
}

impl Default for Weather<'_> {
    fn default() -> Self {
        Self { victims: VICTIMS, pauses: KILL_INTERVAL, postgres: None, nats: None, counts: Counts::default() }
    }
}

impl<'a> Weather<'a> {
    /// These are killed, one of them after each pause of so many milliseconds.
    pub(super) fn killing(victims: &'static [&'static str], pauses: RangeInclusive<u64>) -> Self {
        Self { victims, pauses, ..Self::default() }
    }

    /// The database crashes, three times.
    pub(super) fn crashing(postgres: &'a Postgres) -> Self {
        Self { postgres: Some(postgres), ..Self::default() }
    }

    /// The bus is away half of the time.
    pub(super) fn losing(nats: &'a mut Nats) -> Self {
        Self { nats: Some(nats), ..Self::default() }
    }

    /// Does its worst until `work` is done; then everything is there again, or about to be.
    pub(super) async fn rage(
        &mut self,
        cluster: &mut Cluster,
        seed: u64,
        progress: &Progress,
        turns: usize,
        work: impl Future<Output = ()>,
    ) {
        let Counts { killed, ended, database_crashes, bus_losses } = &mut self.counts;
        let (postgres, nats) = (self.postgres, &mut self.nats);
        let random = StdRng::seed_from_u64(seed);
        let kills = kill_processes(cluster, self.victims, self.pauses.clone(), random, killed, ended);
        let crashes = async {
            if let Some(postgres) = postgres {
                crash_database(postgres, progress, turns, database_crashes).await;
            }
            std::future::pending::<()>().await;
        };
        let losses = async {
            if let Some(nats) = nats {
                lose_bus(nats, bus_losses).await;
            }
            std::future::pending::<()>().await;
        };
        // A restart that has begun is not left half done.
        tokio::select! {
            () = work => {}
            () = kills => {}
            () = crashes => {}
            () = losses => {}
        }
        if let Some(nats) = &mut self.nats {
            nats.kill();
            nats.start_again().await;
        }
        let expected = if self.postgres.is_some() { DATABASE_CRASHES } else { 0 };
        assert_eq!(self.counts.database_crashes, expected, "the database crashed as often as it should");
        assert!(self.nats.is_none() || self.counts.bus_losses > 0, "the bus went away");
        let calm = self.postgres.is_none() && self.nats.is_none();
        assert!(!calm || self.counts.ended.is_empty(), "ended without being killed: {:?}", self.counts.ended);
    }

    /// What happened, as one line.
    pub(super) fn report(&self) -> String {
        let Counts { killed, ended, database_crashes, bus_losses } = &self.counts;
        let total: usize = killed.values().sum();
        format!(
            "{total} kills {killed:?}, ended by themselves {ended:?}, database crashes: {database_crashes}, \
             bus losses: {bus_losses}"
        )
    }
}

async fn kill_processes(
    cluster: &mut Cluster,
    victims: &'static [&'static str],
    pauses: RangeInclusive<u64>,
    mut random: StdRng,
    killed: &mut BTreeMap<&'static str, usize>,
    ended: &mut BTreeMap<&'static str, usize>,
) {
    loop {
        for name in cluster.revive() {
            *ended.entry(name).or_default() += 1;
        }
        let mut victim = victims[random.random_range(0..victims.len())];
        // On a slow machine a process that is always killed while it starts would never be there.
        while !cluster.is_ready(victim).await {
            sleep(PAUSE).await;
            victim = victims[random.random_range(0..victims.len())];
        }
        cluster.kill(victim);
        cluster.launch(victim);
        *killed.entry(victim).or_default() += 1;
        sleep(Duration::from_millis(random.random_range(pauses.clone()))).await;
    }
}

async fn crash_database(postgres: &Postgres, progress: &Progress, turns: usize, crashes: &mut usize) {
    while *crashes < DATABASE_CRASHES {
        let due = (*crashes + 1) * turns / (DATABASE_CRASHES + 1);
        if progress.load(Ordering::Relaxed) >= due {
            *crashes += 1;
            postgres.crash_and_restart().await;
        }
        sleep(PAUSE).await;
    }
}

async fn lose_bus(nats: &mut Nats, losses: &mut usize) {
    loop {
        nats.kill();
        *losses += 1;
        sleep(BUS_INTERVAL).await;
        nats.start_again().await;
        sleep(BUS_INTERVAL).await;
    }
}

//! Who runs which chats, and how long it takes until somebody else does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::pin;
use std::time::Duration;

use chatmesh_core::Uuid;
use chatmesh_db::{Db, DbError, FromRow, Row, Sql};
use tokio::time::{Instant, sleep};

use crate::harness::LONG;

const LEASES: Sql = Sql::portable(
    "SELECT id, worker_id FROM chats WHERE status = 'running' OR status = 'interrupting' OR status = 'requires_action'",
);
const BUSIEST: Sql = Sql::portable(
    "SELECT address FROM chats JOIN chat_workers ON chat_workers.worker_id = chats.worker_id \
     GROUP BY address ORDER BY COUNT(*) DESC LIMIT 1",
);
const PAUSE: Duration = Duration::from_millis(20);

/// The chats with a turn that runs, and the worker of each, where one has it.
#[derive(Debug)]
pub(crate) struct Leases(BTreeMap<Uuid, Option<Uuid>>);

/// How the chats of a worker found others.
#[derive(Debug)]
pub(crate) struct Handover {
    /// When the process was gone.
    gone: Duration,
    /// By chat: when it was seen in the hands of another worker, or done.
    resumed: BTreeMap<Uuid, Duration>,
    /// How many of them were done.
    done: usize,
}

impl Leases {
    pub(crate) async fn read(db: &Db) -> Self {
        let rows: Vec<LeaseRow> = db.fetch_all(LEASES, Vec::new()).await.expect("chats are readable");
        Self(rows.into_iter().map(|LeaseRow(chat, worker)| (chat, worker)).collect())
    }

    /// The address of the worker that has the most leases.
    pub(super) async fn busiest(db: &Db) -> String {
        let row: Option<AddressRow> = db.fetch_optional(BUSIEST, Vec::new()).await.expect("workers are readable");
        row.expect("a worker has announced itself").0
    }

    /// Looks on while a process goes away, until its chats have found others. Its worker is the
    /// one that holds nothing any more when the process is `gone`.
    ///
    /// # Panics
    /// That takes too long.
    pub(crate) async fn watch_handover(&self, db: &Db, gone: impl Future<Output = ()>) -> Handover {
        let (begun, mut going, mut gone) = (Instant::now(), pin!(gone), None);
        let (mut resumed, mut done) = (BTreeMap::new(), BTreeSet::new());
        loop {
            let now = Self::read(db).await;
            for (chat, worker) in self.held() {
                match now.0.get(&chat) {
                    None => {
                        done.insert(chat);
                    }
                    Some(Some(holder)) if *holder != worker => {}
                    Some(_) => continue,
                }
                resumed.entry(chat).or_insert_with(|| begun.elapsed());
            }
            if let Some(gone) = gone {
                let orphans = self.without(&now);
                if !orphans.is_empty() && orphans.iter().all(|chat| resumed.contains_key(chat)) {
                    resumed.retain(|chat, _| orphans.contains(chat));
                    return Handover { gone, resumed, done: done.intersection(&orphans).count() };
                }
            }
            assert!(begun.elapsed() < LONG, "chats are not taken over: {:?}", now.0);
            tokio::select! {
                () = &mut going, if gone.is_none() => gone = Some(begun.elapsed()),
                () = sleep(PAUSE) => {}
            }
        }
    }

    /// The chats of those workers that hold nothing now.
    fn without(&self, now: &Self) -> BTreeSet<Uuid> {
        let workers: BTreeSet<Uuid> = now.held().map(|(_, worker)| worker).collect();
        self.held().filter(|(_, worker)| !workers.contains(worker)).map(|(chat, _)| chat).collect()
    }

    fn held(&self) -> impl Iterator<Item = (Uuid, Uuid)> {
        self.0.iter().filter_map(|(chat, worker)| Some((*chat, (*worker)?)))
    }
}

impl Handover {
    /// How long the first chat took.
    pub(crate) fn quickest(&self) -> Duration {
        self.resumed.values().min().copied().unwrap_or_default()
    }

    /// How long the last chat took.
    pub(crate) fn slowest(&self) -> Duration {
        self.resumed.values().max().copied().unwrap_or_default()
    }

    fn median(&self) -> Duration {
        let mut times: Vec<Duration> = self.resumed.values().copied().collect();
        times.sort();
        times.get(times.len() / 2).copied().unwrap_or_default()
    }
}

impl fmt::Display for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (chats, done) = (self.resumed.len(), self.done);
        let [quickest, median, slowest, gone] =
            [self.quickest(), self.median(), self.slowest(), self.gone].map(|time| time.as_millis());
        write!(
            f,
            "{chats} chats had another worker after {quickest} to {slowest} ms, {median} in the median, \
             {done} of them were done; the process was gone after {gone} ms"
        )
    }
}

struct LeaseRow(Uuid, Option<Uuid>);

impl FromRow for LeaseRow {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self(row.get("id")?, row.get("worker_id")?))
    }
}

struct AddressRow(String);

impl FromRow for AddressRow {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self(row.get("address")?))
    }
}

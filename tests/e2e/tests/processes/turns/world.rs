//! A cluster whose chats are in the middle of their turns.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use chatmesh_db::Db;
use chatmesh_testkit::simulator::Simulator;
use tokio::task::JoinSet;

use super::leases::Leases;
use super::phase::{Phase, all_under_way};
use crate::harness::{
    Api, Audit, CHAT_REPLICAS, Cluster, Follower, LONG, Layout, Mesh, Servers, Stored, Turn, open, simulator_of,
};

/// How long all turns may take, with what is done to those that run them.
const TO_THE_END: Duration = LONG.saturating_mul(4);
/// Every so many chats have a client that reads along.
const FOLLOWED: usize = 5;

/// A cluster, and all that was asked.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) mesh: Mesh,
    /// The tables of the chat service.
    pub(crate) db: Db,
    workspace: String,
    asked: BTreeMap<String, Vec<Turn>>,
    /// What commands write: one line each.
    files: Vec<(PathBuf, String)>,
    readers: JoinSet<()>,
    _provider: Simulator,
}

impl World {
    pub(crate) async fn start(servers: &Servers, layout: Layout) -> Self {
        let provider = simulator_of(Phase::ALL.map(Phase::script)).await;
        let cluster = Cluster::start(servers, layout).await;
        let (mesh, db) = (cluster.mesh(), open(cluster.database("chat")).await);
        let names = Phase::ALL.map(Phase::model);
        mesh.api.configure_models("PROVIDER_TYPE_ANTHROPIC", &provider.base_url(), &names).await;
        let workspace = mesh.api.create_workspace("turns").await;
        let (asked, files, readers) = (BTreeMap::new(), Vec::new(), JoinSet::new());
        Self { cluster, mesh, db, workspace, asked, files, readers, _provider: provider }
    }

    /// Brings so many chats into the middle of each phase.
    pub(crate) async fn begin(&mut self, phases: &[Phase], each: usize) {
        let mut beginning = JoinSet::new();
        for number in 0..each {
            for phase in phases {
                beginning.spawn(begin(self.mesh.api.clone(), self.workspace.clone(), *phase, number));
                if let Some(file) = phase.file(number) {
                    self.files.push((self.mesh.home(&self.workspace).join(&file), format!("{file}-1")));
                }
            }
        }
        while let Some(begun) = beginning.join_next().await {
            let (chat, turns) = begun.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
            if self.asked.len().is_multiple_of(FOLLOWED) {
                let follower = Follower::new(&self.mesh.api, &chat).within(TO_THE_END);
                let (mut follower, count) = (follower, turns.len());
                self.readers.spawn(async move { drop(follower.until_answered(count).await) });
            }
            self.asked.insert(chat, turns);
        }
        all_under_way(&self.db, phases, each).await;
    }

    /// The replica that runs the most chats.
    pub(crate) async fn busiest(&self) -> &'static str {
        let address = Leases::busiest(&self.db).await;
        let busiest =
            CHAT_REPLICAS.into_iter().find(|name| self.cluster.has(name) && self.cluster.address(name) == address);
        busiest.unwrap_or_else(|| panic!("nobody is at {address}"))
    }

    /// The workspace of the chats.
    pub(crate) fn workspace(&self) -> &str {
        &self.workspace
    }

    /// Adds a chat that somebody else has begun.
    pub(crate) fn add(&mut self, chat: String, turns: Vec<Turn>) {
        self.asked.insert(chat, turns);
    }

    /// Waits until all turns have ended, and checks what has come of them.
    ///
    /// # Panics
    /// Something was lost or done twice, or a client saw something else than what is stored.
    pub(crate) async fn check(&mut self) {
        let readers = self.readers.len();
        while let Some(ended) = self.readers.join_next().await {
            ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        }
        println!("  {readers} clients saw exactly what is stored");
        let stored = Stored::at_rest(&self.db, TO_THE_END).await;
        let mut audit = Audit::default();
        for (file, line) in &self.files {
            audit.lines(file, std::slice::from_ref(line));
        }
        audit.chats(&stored, &self.asked);
        audit.finish();
    }
}

/// Says everything that a chat of this phase is told.
async fn begin(api: Api, workspace: String, phase: Phase, number: usize) -> (String, Vec<Turn>) {
    let turns = phase.turns(number);
    let chat = api.create_chat(phase.model(), Some(&workspace), &turns[0].said).await;
    for turn in &turns[1..] {
        api.say(&chat, &turn.said).await;
    }
    (chat, turns)
}

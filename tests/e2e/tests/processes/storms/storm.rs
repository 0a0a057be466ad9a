//! A cluster with clients that ask and ask.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chatmesh_testkit::simulator::Simulator;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::weather::Weather;
use crate::harness::{
    Api, Audit, Cluster, Databases, Follower, LONG, Layout, Mesh, Model, Patient, STEPS, Servers, Stored, Tally, Turn,
    open, simulator, variable,
};

const DEFAULT_TURNS: usize = 60;
/// As many chats as have at least [`LEAST_TURNS`] turns each, and no more.
const MOST_CHATS: usize = 20;
const LEAST_TURNS: usize = 6;
/// How many messages are sent before the answer to the first of them is waited for.
const MOST_AT_ONCE: usize = 3;
/// How many chats have a client that reads along.
const READERS: usize = 3;
/// How long everything may take, also on a machine that has other things to do.
const LIMIT: Duration = Duration::from_secs(1800);
/// What a turn adds to a chat: what the user says, the calls with their results, and the answer.
const MESSAGES: usize = 2 * STEPS + 2;

/// A cluster and what it will be asked.
pub(super) struct Storm {
    cluster: Cluster,
    mesh: Mesh,
    workspaces: Vec<String>,
    turns: usize,
    seed: u64,
    _provider: Simulator,
}

/// How many turns have ended.
pub(super) type Progress = Arc<AtomicUsize>;

/// One chat with its client.
struct Driver {
    client: Patient,
    /// Reads along.
    reader: Option<Api>,
    random: StdRng,
    name: String,
    workspace: String,
    turns: usize,
    progress: Progress,
}

impl Storm {
    pub(super) async fn start(servers: &Servers) -> Self {
        let provider = simulator().await;
        let layout = Layout::from(Databases::Separate).chat_replicas(2).leases("1s", "3s");
        let cluster = Cluster::start(servers, layout).await;
        let mesh = cluster.mesh();
        mesh.api.configure_models("PROVIDER_TYPE_ANTHROPIC", &provider.base_url(), &[Model::Steps.name()]).await;
        let workspaces = vec![mesh.api.create_workspace("first").await, mesh.api.create_workspace("second").await];
        let turns = number("CHATMESH_E2E_TURNS").map_or(DEFAULT_TURNS, |turns| turns as usize);
        let seed = number("CHATMESH_E2E_SEED").unwrap_or_else(rand::random);
        Self { cluster, mesh, workspaces, turns, seed, _provider: provider }
    }

    /// Asks everything, and checks what has come of it.
    pub(super) async fn run(mut self, mut weather: Weather<'_>) {
        let chats = (self.turns / LEAST_TURNS).clamp(1, MOST_CHATS);
        println!("storm: {} turns of {STEPS} calls in {chats} chats, CHATMESH_E2E_SEED={}", self.turns, self.seed);
        let (begun, tally, progress) = (Instant::now(), Tally::default(), Progress::default());
        let mut drivers = JoinSet::new();
        for number in 0..chats {
            let turns = self.turns / chats + usize::from(number < self.turns % chats);
            drivers.spawn(self.driver(number, turns, &tally, &progress).run());
        }
        let mut asked = BTreeMap::new();
        let asking = async {
            while let Some(ended) = drivers.join_next().await {
                let (chat, said) = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
                asked.insert(chat, said);
            }
        };
        weather.rage(&mut self.cluster, self.seed, &progress, self.turns, asking).await;
        println!("  in {:.1} s; {}", begun.elapsed().as_secs_f32(), weather.report());
        println!("  clients: {}", tally.line());
        assert!(tally.of("given up and made again") > 0 && tally.of("made again after success") > 0);
        self.check(asked).await;
    }

    fn driver(&self, number: usize, turns: usize, tally: &Tally, progress: &Progress) -> Driver {
        let seed = self.seed.wrapping_add(number as u64);
        Driver {
            client: Patient::new(&self.mesh.api, seed, tally),
            reader: (number < READERS).then(|| self.mesh.api.clone()),
            random: StdRng::seed_from_u64(seed),
            name: format!("chat{number:02}"),
            workspace: self.workspaces[number % self.workspaces.len()].clone(),
            turns,
            progress: Arc::clone(progress),
        }
    }

    async fn check(&mut self, mut asked: BTreeMap<String, Asked>) {
        self.cluster.revive();
        self.cluster.all_ready().await;
        for follower in asked.values_mut().filter_map(|asked| asked.follower.as_mut()) {
            follower.until_idle().await;
        }
        let lag = asked.values().map(|asked| asked.lag).max().unwrap_or_default();
        println!("  {READERS} clients read along and saw exactly what is stored, the last {lag:?} after its end");
        let db = open(self.cluster.database("chat")).await;
        let stored = Stored::at_rest(&db, LONG).await;
        let mut audit = Audit::default();
        for asked in asked.values() {
            let lines: Vec<String> = asked.said.iter().flat_map(|said| Model::lines(said)).collect();
            audit.lines(&self.mesh.home(&asked.workspace).join(&asked.name), &lines);
        }
        let turns = |asked: Asked| asked.said.into_iter().map(turn).collect();
        audit.chats(&stored, &asked.into_iter().map(|(chat, asked)| (chat, turns(asked))).collect());
        audit.finish();
    }
}

/// What was said in a chat, and who read it.
struct Asked {
    name: String,
    workspace: String,
    said: Vec<String>,
    follower: Option<Follower>,
    /// How long after the last answer its reader had it.
    lag: Duration,
}

impl Driver {
    async fn run(mut self) -> (String, Asked) {
        let said: Vec<String> = (1..=self.turns).map(|turn| format!("{}-{turn}", self.name)).collect();
        let chat = self.client.create_chat(Model::Steps.name(), &self.workspace, &said[0]).await;
        let mut follower = self.reader.take().map(|api| Follower::new(&api, &chat).within(LIMIT));
        let reading = async {
            if let Some(follower) = &mut follower {
                follower.until_messages(said.len() * MESSAGES).await;
            }
            Instant::now()
        };
        let asking = async {
            self.ask(&chat, &said).await;
            Instant::now()
        };
        let (read, answered) = tokio::join!(reading, asking);
        let lag = read.saturating_duration_since(answered);
        (chat, Asked { name: self.name, workspace: self.workspace, said, follower, lag })
    }

    /// Says everything after the first message, some of it before the answer to what came before.
    async fn ask(&mut self, chat: &str, said: &[String]) {
        let (mut asked, mut rest) = (1, &said[1..]);
        while asked > 0 {
            self.client.until_idle(chat, LIMIT).await;
            self.progress.fetch_add(asked, Ordering::Relaxed);
            asked = self.random.random_range(1..=MOST_AT_ONCE).min(rest.len());
            for text in &rest[..asked] {
                self.client.say(chat, text).await;
            }
            rest = &rest[asked..];
        }
    }
}

fn turn(said: String) -> Turn {
    let answer = format!("Done with {said}.");
    Turn { said, calls: STEPS, answer }
}

/// A number that the test run is told through the environment.
pub(super) fn number(name: &str) -> Option<u64> {
    variable(name).map(|value| value.parse().unwrap_or_else(|_| panic!("{name} must be a number, not `{value}`")))
}

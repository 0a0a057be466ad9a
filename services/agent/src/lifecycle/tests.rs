//! What all tests of the lifecycle share.

mod hanging;
mod outbox;
mod shutdown;
mod startup;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::supervise_response::Report;
use chatmesh_proto::agent::v1::{LifecycleState, LogLevel, ScriptResult, ScriptStage};
use tempfile::TempDir;

use super::manifest::Manifest;
use super::session::Session;
use super::*;
use crate::process::{Environment, Launcher, ResourceLimits};
use crate::receipts::Receipts;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);
/// A patience that real shells do not use up, also where the machine is busy.
const PATIENCE: Patience = Patience {
    interrupt: Duration::from_secs(5),
    output: Duration::from_secs(5),
    last_report: Duration::from_millis(300),
};
/// A patience that a script is to use up.
const SHORT: Duration = Duration::from_millis(300);

struct Fixture {
    dir: TempDir,
    lifecycle: Lifecycle,
}

impl Fixture {
    fn new() -> Self {
        Self::with(PATIENCE)
    }

    fn with(patience: Patience) -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let lifecycle = open(dir.path(), patience);
        Self { dir, lifecycle }
    }

    /// The agent ends without a word and another one starts on the same state.
    async fn restart(self) -> Self {
        let Self { dir, lifecycle } = self;
        lifecycle.interrupt().await;
        drop(lifecycle);
        let lifecycle = open(dir.path(), PATIENCE);
        Self { dir, lifecycle }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn accept(&self, scripts: Vec<pb::Script>) -> Session {
        let manifest = pb::Manifest { build_id: "b1".to_owned(), scripts };
        self.lifecycle.accept(Manifest::try_from(manifest).expect("a manifest")).expect("accepted");
        self.lifecycle.session()
    }

    /// Waits until a file is there.
    async fn until(&self, name: &str) {
        let there = async {
            while !self.path(name).exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LONG, there).await.expect("the file is written");
    }
}

fn open(dir: &Path, patience: Patience) -> Lifecycle {
    let receipts = Receipts::open(&dir.join("state"), Duration::from_secs(10)).expect("receipts");
    Lifecycle::new(runner(dir, patience), receipts)
}

fn runner(dir: &Path, patience: Patience) -> Runner {
    let environment = Environment::new(std::env::vars_os(), Some("w1".to_owned()));
    let launcher = Launcher::new("/no/such/agent".into(), ResourceLimits::default());
    Runner::new(dir.to_owned(), dir.join("state"), environment, launcher, patience)
}

fn script(id: &str, text: &str) -> pb::Script {
    pb::Script { id: id.to_owned(), script: text.to_owned(), run_on_start: true, ..Default::default() }
}

fn on_stop(id: &str, text: &str) -> pb::Script {
    pb::Script { run_on_start: false, run_on_stop: true, ..script(id, text) }
}

/// What a session told.
#[derive(Debug, Default)]
struct Told {
    states: Vec<LifecycleState>,
    message: String,
    lines: Vec<(String, LogLevel, String)>,
    runs: HashMap<String, pb::ScriptRun>,
    sequences: Vec<u64>,
}

impl Told {
    fn add(&mut self, response: pb::SuperviseResponse) {
        self.sequences.push(response.sequence);
        match response.report.expect("a report") {
            Report::Lifecycle(state) => {
                self.states.push(state.state());
                self.message = state.message;
            }
            Report::Logs(logs) => {
                let id = &logs.script_id;
                self.lines.extend(logs.lines.into_iter().map(|line| (id.clone(), line.level(), line.text)));
            }
            Report::Run(run) => {
                self.runs.insert(run.script_id.clone(), run);
            }
        }
    }

    fn result(&self, id: &str) -> ScriptResult {
        self.runs[id].result()
    }

    fn lines_of(&self, id: &str) -> Vec<(LogLevel, &str)> {
        let lines = self.lines.iter().filter(|(of, ..)| of == id);
        lines.map(|(_, level, text)| (*level, text.as_str())).collect()
    }
}

/// Takes reports until one of these states was told.
async fn until_state(session: &mut Session, expected: &[LifecycleState]) -> Told {
    let mut told = Told::default();
    let telling = async {
        while !told.states.iter().any(|state| expected.contains(state)) {
            told.add(session.next().await.expect("the newest session").expect("a report"));
        }
    };
    tokio::time::timeout(LONG, telling).await.expect("the state is told");
    told
}

const STARTED: &[LifecycleState] = &[LifecycleState::Ready, LifecycleState::StartTimeout, LifecycleState::StartError];

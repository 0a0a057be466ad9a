//! What all tests of processes share.

mod canceled;
mod idempotency;
mod lifecycle;
mod output;
mod scope;
mod wakeups;
mod watching;

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use chatmesh_rpc::Code;
use nix::sys::signal::Signal;
use tempfile::TempDir;
use tonic::Status;
use uuid::Uuid;

use super::entry::Snapshot;
use super::error::Error;
use super::input::Input;
use super::manager::Started;
use super::*;
use crate::chat::ChatId;
use crate::receipts::Receipts;
use crate::touched::Touched;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

struct Fixture {
    dir: TempDir,
    manager: Manager,
}

impl Fixture {
    fn new() -> Self {
        Self::with(Limits { drain: Duration::from_millis(300), ..Limits::default() })
    }

    fn with(limits: Limits) -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let manager = open(dir.path(), limits);
        Self { dir, manager }
    }

    /// The agent ends without a word and another one starts on the same state.
    fn restart(self) -> Self {
        let Self { dir, manager } = self;
        let copy = tempfile::tempdir().expect("dir");
        std::fs::create_dir(copy.path().join("state")).expect("state");
        let from = dir.path().join("state/receipts.jsonl");
        std::fs::copy(from, copy.path().join("state/receipts.jsonl")).expect("copy");
        drop(manager);
        let manager = open(copy.path(), Limits::default());
        Self { dir: copy, manager }
    }

    async fn start(&self, command: &str) -> Uuid {
        id(&self.start_as(None, request(command)).await.expect("started"))
    }

    async fn start_as(&self, chat: Option<&str>, request: pb::StartProcessRequest) -> Result<Started, Error> {
        self.manager.start(chat.map(ChatId::for_test), Input::try_from(request)?).await
    }

    async fn wait(&self, id: Uuid) -> Snapshot {
        self.manager.wait(None, id, LONG).await.expect("known")
    }

    async fn run(&self, command: &str) -> Snapshot {
        let id = self.start(command).await;
        let snapshot = self.wait(id).await;
        assert!(!snapshot.process.running, "`{command}` did not end");
        snapshot
    }

    /// Waits until a process has written `text`.
    async fn until_output(&self, id: Uuid, text: &str) {
        let written = async {
            loop {
                let snapshot = self.manager.wait(None, id, Duration::ZERO).await.expect("known");
                if snapshot.output.text.contains(text) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LONG, written).await.expect("output");
    }
}

fn open(dir: &Path, limits: Limits) -> Manager {
    let os = std::env::vars_os().chain([("CHATMESH_AGENT_TOKEN".into(), "secret".into())]);
    let environment = Environment::new(os, Some("w1".to_owned()));
    let receipts = Receipts::open(&dir.join("state"), Duration::ZERO).expect("receipts");
    let launcher = Launcher::new("/no/such/agent".into(), ResourceLimits::default());
    Manager::new(dir.to_owned(), environment, launcher, receipts, Touched::default(), limits)
}

fn request(command: &str) -> pb::StartProcessRequest {
    pb::StartProcessRequest { command: command.to_owned(), ..Default::default() }
}

fn keyed(command: &str, key: &str) -> pb::StartProcessRequest {
    pb::StartProcessRequest { idempotency_key: key.to_owned(), ..request(command) }
}

fn id(started: &Started) -> Uuid {
    started.process.id.parse().expect("id")
}

fn code(error: Error) -> Code {
    Status::from(error).code()
}

/// Waits until the file of receipts has the end of a process.
async fn until_receipt_is_final(fixture: &Fixture, command: &str, key: &str) {
    let path = fixture.dir.path().join("state/receipts.jsonl");
    let written = async {
        while !std::fs::read_to_string(&path).is_ok_and(|text| text.contains("exited")) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, written).await.unwrap_or_else(|_| panic!("no receipt of `{command}` for `{key}`"));
}

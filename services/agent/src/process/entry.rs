//! One process.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::Timestamp;
use chatmesh_proto::agent::v1 as pb;
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::sync::watch;
use uuid::Uuid;

use super::error::Error;
use super::output::Rendered;
use super::recording::Recording;
use crate::chat::ChatId;
use crate::receipts::{Fate, Key, ProcessReceipt};

/// What is known of a process before it starts.
#[derive(Debug)]
pub(super) struct About {
    pub(super) id: Uuid,
    pub(super) command: String,
    pub(super) workdir: PathBuf,
    pub(super) background: bool,
    pub(super) chat: Option<ChatId>,
    pub(super) key: Option<Key>,
    pub(super) start_time: Timestamp,
}

impl About {
    pub(super) fn receipt(&self) -> ProcessReceipt {
        ProcessReceipt { id: self.id, chat: self.chat.clone(), start_time: self.start_time, fate: Fate::Running }
    }
}

/// A process that runs or has ended.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) about: About,
    pub(super) group: Pid,
    pub(super) output: Arc<Recording>,
    pub(super) exit: watch::Sender<Option<Exit>>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exit {
    /// -1 where a signal ended it.
    pub(super) code: i32,
    pub(super) time: Timestamp,
}

/// A process at one moment. Where it is not running, the output is complete.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) process: pb::Process,
    pub(super) output: Rendered,
}

impl Entry {
    /// A process that runs from here on.
    pub(super) fn new(about: About, group: Pid) -> Self {
        Self { about, group, output: Arc::default(), exit: watch::Sender::new(None) }
    }

    pub(super) fn is_running(&self) -> bool {
        self.exit.borrow().is_none()
    }

    /// Waits until the process has ended, `timeout` at most.
    pub(super) async fn wait(&self, timeout: Duration) {
        let mut exit = self.exit.subscribe();
        // Both ends of this wait, and a channel that closed, are told apart by looking again.
        let _ = tokio::time::timeout(timeout, exit.wait_for(Option::is_some)).await;
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        // State before output: output that is read after the exit was seen is complete.
        let process = self.to_proto();
        Snapshot { process, output: self.output.output().render() }
    }

    /// Sends a signal to the whole group.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), Error> {
        if !self.is_running() {
            return Err(Error::NotRunning(self.about.id));
        }
        // The system does not give the id of a group to anyone else while a member of it lives.
        killpg(self.group, signal).map_err(|error| match error {
            Errno::ESRCH => Error::NotRunning(self.about.id),
            error => Error::Signal(error),
        })
    }

    pub(super) fn to_proto(&self) -> pb::Process {
        let exit = *self.exit.borrow();
        pb::Process {
            id: self.about.id.to_string(),
            command: self.about.command.clone(),
            workdir: self.about.workdir.display().to_string(),
            background: self.about.background,
            running: exit.is_none(),
            exit_code: exit.map(|exit| exit.code),
            start_time: Some(self.about.start_time.into()),
            exit_time: exit.map(|exit| exit.time.into()),
            lost: false,
        }
    }
}

impl From<Rendered> for pb::ProcessOutput {
    fn from(output: Rendered) -> Self {
        Self {
            text: output.text,
            original_bytes: output.original_bytes,
            retained_bytes: output.retained_bytes,
            omitted_bytes: output.omitted_bytes,
        }
    }
}

//! Lines of the file of receipts.

use chatmesh_core::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Digest, Key};
use crate::chat::ChatId;

/// What came of an effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// A process was started.
    Process(ProcessReceipt),
    /// A file was written.
    File {
        /// The file, links resolved.
        path: String,
        /// Its size.
        size_bytes: u64,
    },
    /// The scripts of a build that run on start were started.
    Startup(Startup),
    /// Files were edited, or are about to be.
    Edit(EditReceipt),
    /// Nothing: the effect failed without a trace and may be tried again.
    Forgotten,
    /// Nothing: the effect was given up before it was done, whatever its input, and is not to be done.
    Canceled,
}

/// How far the start of a build came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Startup {
    /// Scripts run.
    Running,
    /// All ended well.
    Ready,
    /// One took too long.
    Timeout,
    /// One failed in another way.
    Error,
    /// The agent ended while they ran.
    Lost,
}

/// What is known of edited files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EditReceipt {
    /// The files in the order of the request.
    pub(crate) files: Vec<EditedFile>,
    /// Whether all of them were replaced; otherwise the digests tell which were.
    pub(crate) done: bool,
}

/// What is known of an edited file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EditedFile {
    /// The path as the request names it.
    pub(crate) label: String,
    /// The file, links resolved.
    pub(crate) path: String,
    /// Its new size.
    pub(crate) size_bytes: u64,
    /// How many places were replaced.
    pub(crate) replacements: u32,
    /// How many of them were found only without regard to white space.
    pub(crate) inexact_replacements: u32,
    /// The content that was edited.
    pub(crate) before: Digest,
    /// The content after it.
    pub(crate) after: Digest,
}

/// What is known of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessReceipt {
    /// The process.
    pub(crate) id: Uuid,
    /// The chat that it belongs to.
    pub(crate) chat: Option<ChatId>,
    /// When it started.
    pub(crate) start_time: Timestamp,
    /// How far it came.
    pub(crate) fate: Fate,
}

/// How far a process came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fate {
    /// It runs.
    Running,
    /// It ended.
    Exited {
        /// The exit code, -1 where a signal ended it.
        exit_code: i32,
        /// When it ended.
        exit_time: Timestamp,
    },
    /// The agent ended while it ran: how it ended is unknown.
    Lost,
}

/// The receipt for a key. Of several records for one key the last counts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) key: Key,
    pub(super) digest: Digest,
    pub(super) outcome: Outcome,
}

impl Record {
    pub(super) fn new(key: Key, digest: Digest, outcome: Outcome) -> Self {
        Self { key, digest, outcome }
    }

    /// True for a process that runs: its receipt is not dropped.
    pub(super) fn is_running(&self) -> bool {
        matches!(&self.outcome, Outcome::Process(ProcessReceipt { fate: Fate::Running, .. }))
    }

    pub(super) fn is_startup(&self) -> bool {
        matches!(&self.outcome, Outcome::Startup(_))
    }
}

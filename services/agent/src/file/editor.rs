//! Edits files: all of a request or none, and once for each idempotency key.

mod answer;
mod commit;
mod compute;
mod error;
mod input;
mod recover;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::blocking;
use super::error::{Error, broke_off};
use super::locks::Locks;
use crate::chat::ChatId;
use crate::receipts::{Claim, ClaimError, EditReceipt, Outcome, Receipts, Ticket};
use compute::Target;
pub(super) use error::EditError;
use input::Input;

/// How many requests are at work at once: each holds its files in memory.
const AT_ONCE: usize = 4;
/// How long other requests are waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Edits files; clones share their receipts.
#[derive(Debug, Clone)]
pub(super) struct Editor {
    receipts: Receipts,
    locks: Locks,
    tasks: TaskTracker,
    turns: Arc<Semaphore>,
}

/// What to do for a key.
#[derive(Debug)]
enum Start {
    /// Nothing was done; what is done is noted with the ticket.
    Fresh(Option<Ticket>),
    /// All was done.
    Done(EditReceipt),
    /// Some of it may have been done.
    Begun(EditReceipt),
}

impl Editor {
    pub(super) fn new(receipts: Receipts, locks: Locks) -> Self {
        Self { receipts, locks, tasks: TaskTracker::new(), turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Edits the files, or returns the outcome of the first call with the same key.
    ///
    /// What is about to happen is noted before the first file is replaced, with the digests of all
    /// files before and after. Where the agent dies in between, a repeat finds by them which files
    /// are still to be replaced.
    pub(super) async fn edit(
        &self,
        chat: Option<ChatId>,
        request: pb::EditFilesRequest,
    ) -> Result<pb::EditFilesResponse, Error> {
        let input = Input::read(request, chat.as_ref())?;
        // On a task of its own: a caller that goes away must not part the files from their receipt.
        let finished = self.tasks.spawn(self.clone().run(input)).await;
        finished.unwrap_or_else(|_| Err(broke_off()))
    }

    async fn run(self, input: Input) -> Result<pb::EditFilesResponse, Error> {
        let start = self.start(&input).await?;
        if let Start::Done(receipt) = start {
            return Ok(answer::repeated(receipt));
        }
        let turn = timeout(PATIENCE, self.turns.acquire()).await;
        let _turn = turn.map_err(|_| Error::Busy)?.map_err(|_| broke_off())?;
        let Input { files, include_diff, key, digest } = input;
        let targets = blocking(move || compute::resolve(files)).await?;
        let held = self.locks.hold(targets.iter().map(|target| Path::new(&target.path))).await?;
        match (start, key) {
            (Start::Begun(receipt), Some(key)) => {
                let receipt = blocking(move || recover::recover(targets, receipt)).await?;
                self.receipts.replace(key, digest, Outcome::Edit(receipt.clone())).await;
                Ok(answer::repeated(receipt))
            }
            (Start::Fresh(ticket), _) => {
                let files = self.write(targets, ticket).await?;
                drop(held);
                Ok(answer::answer(files, include_diff).await)
            }
            // Only a key has receipts, and those that are done were answered.
            (Start::Begun(_) | Start::Done(_), _) => Err(broke_off()),
        }
    }

    async fn start(&self, input: &Input) -> Result<Start, Error> {
        let Some(key) = input.key else { return Ok(Start::Fresh(None)) };
        match self.receipts.claim(key, input.digest).await? {
            Claim::New(ticket) => Ok(Start::Fresh(Some(ticket))),
            Claim::Known(Outcome::Edit(receipt)) if receipt.done => Ok(Start::Done(receipt)),
            Claim::Known(Outcome::Edit(receipt)) => Ok(Start::Begun(receipt)),
            Claim::Known(_) => Err(ClaimError::Conflict.into()),
        }
    }

    async fn write(&self, targets: Vec<Target>, ticket: Option<Ticket>) -> Result<Vec<compute::Computed>, Error> {
        let Some(ticket) = ticket else {
            return blocking(move || {
                let files = compute::compute(targets)?;
                commit::commit(&files).map(|()| files)
            })
            .await;
        };
        let (files, mut receipt) = blocking(move || {
            let files = compute::compute(targets)?;
            let receipt = EditReceipt { files: files.iter().map(compute::Computed::receipt).collect(), done: false };
            Ok((files, receipt))
        })
        .await?;
        ticket.announce(Outcome::Edit(receipt.clone())).await;
        match blocking(move || Ok(commit::commit(&files).map(|()| files))).await? {
            Ok(files) => {
                receipt.done = true;
                ticket.keep(Outcome::Edit(receipt)).await;
                Ok(files)
            }
            Err(error) => {
                // What was begun is finished by a repeat; what was not is forgotten.
                match error {
                    Error::Edit(EditError::Partial { .. }) => ticket.keep(Outcome::Edit(receipt)).await,
                    _ => ticket.forget().await,
                }
                Err(error)
            }
        }
    }
}

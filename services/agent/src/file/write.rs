//! Writes a file that arrives in pieces.

use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::write_file_request::Body;
use futures::{Stream, StreamExt as _};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tonic::Status;

use super::blocking;
use super::draft::Draft;
use super::error::{Error, broke_off};
use super::locks::Locks;
use super::path::absolute_file;
use crate::chat::ChatId;
use crate::receipts::{Claim, ClaimError, Digest, InputDigest, Key, Outcome, Receipts};

/// The largest piece.
const MAX_PIECE: usize = 64 * 1024;
/// The largest file.
const MAX_FILE: u64 = 64 * 1024 * 1024;
/// How long the next piece is waited for.
const PIECE_TIMEOUT: Duration = Duration::from_secs(30);

/// What the first message says; valid in itself.
#[derive(Debug)]
struct Header {
    path: PathBuf,
    size: u64,
    key: Option<Key>,
}

/// A draft between two steps. It is removed where that does not hold up others, whoever gives it up.
#[derive(Debug)]
struct Kept(Option<Draft>);

impl Kept {
    fn take(&mut self) -> Option<Draft> {
        self.0.take()
    }

    /// Removes the draft; it is gone when this returns.
    async fn discard(mut self) {
        if let Some(draft) = self.take() {
            // What can not be removed stays.
            let _ = tokio::task::spawn_blocking(move || drop(draft)).await;
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let (Some(draft), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn_blocking(move || drop(draft));
        }
    }
}

/// Writes files; clones share their receipts.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    receipts: Receipts,
    locks: Locks,
    tasks: TaskTracker,
}

impl Writer {
    pub(super) fn new(receipts: Receipts, locks: Locks) -> Self {
        Self { receipts, locks, tasks: TaskTracker::new() }
    }

    /// Writes the file, or returns the outcome of the first call with the same key.
    ///
    /// The receipt is kept after the file is in place. Where the agent dies between both, the
    /// repeat writes the same bytes once more.
    pub(super) async fn write(
        &self,
        chat: Option<ChatId>,
        pieces: impl Stream<Item = Result<pb::WriteFileRequest, Status>>,
    ) -> Result<pb::WriteFileResponse, Error> {
        let mut pieces = pin!(pieces);
        let header = Header::read(next(&mut pieces).await?, chat.as_ref())?;
        let mut draft = Kept(None);
        let digest = match self.receive(&mut pieces, &header, &mut draft).await {
            Ok(digest) => digest,
            Err(error) => {
                draft.discard().await;
                return Err(error);
            }
        };

        // On a task of its own: a caller that goes away must not part the file from its receipt.
        let finished = self.tasks.spawn(self.clone().finish(header, digest, draft)).await;
        finished.unwrap_or_else(|_| Err(broke_off()))
    }

    /// Takes all pieces into the draft, which is begun where it may be needed.
    async fn receive(
        &self,
        pieces: &mut (impl Stream<Item = Result<pb::WriteFileRequest, Status>> + Unpin),
        header: &Header,
        draft: &mut Kept,
    ) -> Result<Digest, Error> {
        let mut digest = InputDigest::default().field(header.path.as_os_str().as_encoded_bytes());
        // A repeat needs the bytes only to see that they are the same.
        if !header.key.is_some_and(|key| self.receipts.has(key)) {
            let path = header.path.clone();
            draft.0 = Some(blocking(move || Draft::begin(&path)).await?);
        }
        let mut size = 0;
        while let Some(message) = next(pieces).await? {
            let data = piece(message)?;
            size += data.len() as u64;
            if size > header.size {
                return Err(Error::Stream(format!("more than the announced {} bytes came", header.size)));
            }
            digest = digest.part(&data);
            if let Some(mut open) = draft.take() {
                draft.0 = Some(blocking(move || open.write(&data).map(|()| open)).await?);
            }
        }
        if size < header.size {
            return Err(Error::Stream(format!("{size} of the announced {} bytes came", header.size)));
        }
        Ok(digest.finish())
    }

    async fn finish(self, header: Header, digest: Digest, mut draft: Kept) -> Result<pb::WriteFileResponse, Error> {
        let mut ticket = None;
        if let Some(key) = header.key {
            ticket = match self.receipts.claim(key, digest).await? {
                Claim::New(ticket) => Some(ticket),
                Claim::Known(Outcome::File { path, size_bytes }) => {
                    return Ok(pb::WriteFileResponse { path, size_bytes });
                }
                Claim::Known(_) => return Err(ClaimError::Conflict.into()),
            };
        }
        // Without a draft there was a receipt a moment ago; it was just dropped for its age.
        let target = draft.0.as_ref().map(|draft| draft.target().to_owned()).ok_or(ClaimError::Busy)?;
        let held = self.locks.hold([target.as_path()]).await?;
        let draft = draft.take().ok_or(ClaimError::Busy)?;
        let path = blocking(|| draft.replace()).await?.display().to_string();
        drop(held);
        if let Some(ticket) = ticket {
            ticket.keep(Outcome::File { path: path.clone(), size_bytes: header.size }).await;
        }
        Ok(pb::WriteFileResponse { path, size_bytes: header.size })
    }
}

impl Header {
    fn read(message: Option<pb::WriteFileRequest>, chat: Option<&ChatId>) -> Result<Self, Error> {
        let Some(Body::Header(header)) = message.and_then(|message| message.body) else {
            return Err(Error::Invalid("the first message must have a header".to_owned()));
        };
        let path = absolute_file(&header.path)?;
        if header.size_bytes > MAX_FILE {
            return Err(Error::Invalid(format!("`size_bytes` must be {MAX_FILE} at most")));
        }
        if header.idempotency_key.len() > Key::MAX_LENGTH {
            return Err(Error::Invalid(format!("`idempotency_key` must have {} bytes at most", Key::MAX_LENGTH)));
        }
        let key = (!header.idempotency_key.is_empty()).then(|| Key::new("WriteFile", chat, &header.idempotency_key));
        Ok(Self { path, size: header.size_bytes, key })
    }
}

fn piece(message: pb::WriteFileRequest) -> Result<Bytes, Error> {
    match message.body {
        Some(Body::Data(data)) if data.len() <= MAX_PIECE => Ok(data),
        Some(Body::Data(_)) => Err(Error::Invalid(format!("a message must have {MAX_PIECE} bytes of data at most"))),
        _ => Err(Error::Invalid("every message after the first must have data".to_owned())),
    }
}

async fn next(
    pieces: &mut (impl Stream<Item = Result<pb::WriteFileRequest, Status>> + Unpin),
) -> Result<Option<pb::WriteFileRequest>, Error> {
    match timeout(PIECE_TIMEOUT, pieces.next()).await {
        Ok(message) => message.transpose().map_err(|status| Error::Call(Box::new(status))),
        Err(_) => Err(Error::Stream(format!("no data came for {} seconds", PIECE_TIMEOUT.as_secs()))),
    }
}

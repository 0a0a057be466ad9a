//! Live parts for other replicas.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::Violations;
use chatmesh_proto::chat::v1::part_service_server::PartService;
use chatmesh_proto::chat::v1::{MessagePart, StreamPartsRequest, StreamPartsResponse};
use chatmesh_rpc::{Caller, streaming};
use futures::Stream;
use tonic::{Request, Response, Status};

use super::{Cursor, Episode, EpisodeKey, News};
use crate::Error;
use crate::domain::Chat;
use crate::machine::Status as ChatStatus;
use crate::state::State;
use crate::stream::outbox::{self, End, Outbox};

/// How long an episode is waited for that is about to begin.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
/// How many parts travel in one message at most.
const BATCH: usize = 256;
/// How many bytes of them, so that no message is too long to receive.
const BATCH_BYTES: usize = 1024 * 1024;
const CUT: &str = "the live parts were not read: ask for them again from the last one that came";

pub(crate) struct PartApi {
    state: Arc<State>,
}

impl PartApi {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }
}

type Responses = Pin<Box<dyn Stream<Item = Result<StreamPartsResponse, Status>> + Send>>;

#[tonic::async_trait]
impl PartService for PartApi {
    type StreamPartsStream = Responses;

    async fn stream_parts(&self, r: Request<StreamPartsRequest>) -> Result<Response<Responses>, Status> {
        streaming(r, |caller, m| stream_parts(Arc::clone(&self.state), caller, m)).await
    }
}

async fn stream_parts(state: Arc<State>, caller: Caller, request: StreamPartsRequest) -> Result<Responses, Error> {
    caller.require_service()?;
    let chat = request.chat_id.parse().map_err(|error| Violations::one("chat_id", error))?;
    let key =
        EpisodeKey { chat, history_version: request.history_version, generation_attempt: request.generation_attempt };
    let taken = usize::try_from(request.after_seq).unwrap_or(usize::MAX);
    let tasks = state.tasks.clone();
    let serve = move |outbox: Outbox<StreamPartsResponse>| async move {
        tokio::select! {
            () = outbox.left() => End::Left,
            end = serve(&state, key, taken, &outbox) => end,
        }
    };
    Ok(Box::pin(outbox::deliver(&tasks, "chat.parts", CUT, serve)))
}

async fn serve(state: &State, key: EpisodeKey, taken: usize, outbox: &Outbox<StreamPartsResponse>) -> End {
    let episode = match find(state, key).await {
        Ok(episode) => episode,
        Err(status) => return End::Failed(status),
    };
    let stop = state.tasks.shutdown().soft().clone();
    let mut cursor = Cursor::new(episode, taken);
    loop {
        let news = tokio::select! {
            news = cursor.news() => news,
            () = stop.cancelled() => return End::Failed(Status::unavailable("this process ends")),
        };
        let sent = match news {
            News::Parts => send(&mut cursor, outbox).await,
            News::Ended => outbox.send(StreamPartsResponse { parts: Vec::new(), ended: true }).await,
            News::Doubt => Ok(()),
        };
        match sent {
            Ok(()) if news == News::Ended => return End::Done,
            Ok(()) => {}
            Err(end) => return end,
        }
    }
}

async fn send(cursor: &mut Cursor, outbox: &Outbox<StreamPartsResponse>) -> Result<(), End> {
    let mut parts: Vec<MessagePart> = Vec::new();
    let mut bytes = 0;
    for part in cursor.take(BATCH) {
        bytes += prost::Message::encoded_len(&*part);
        parts.push((*part).clone());
        if bytes > BATCH_BYTES {
            outbox.send(StreamPartsResponse { parts: std::mem::take(&mut parts), ended: false }).await?;
            bytes = 0;
        }
    }
    if parts.is_empty() { Ok(()) } else { outbox.send(StreamPartsResponse { parts, ended: false }).await }
}

/// Finds an episode of this process, or waits for it where this process runs the chat and is about to begin it.
async fn find(state: &State, key: EpisodeKey) -> Result<Arc<Episode>, Status> {
    if let Some(episode) = state.episodes.get(key) {
        return Ok(episode);
    }
    let away = |_| Status::unavailable("the database is not available");
    let chat = state.store.get(key.chat).await.map_err(away)?;
    let missing = || Status::not_found("this process does not have the live parts: look who runs the chat");
    if chat.is_some_and(|chat| is_about_to_say(state, &chat, key))
        && let Ok(episode) = tokio::time::timeout(OPEN_TIMEOUT, state.episodes.opened(key)).await
    {
        return Ok(episode);
    }
    // What has just ended can be read to its end.
    state.episodes.get(key).ok_or_else(missing)
}

fn is_about_to_say(state: &State, chat: &Chat, key: EpisodeKey) -> bool {
    let now = (chat.versions.history, chat.versions.generation_attempt);
    chat.lease.is_some_and(|lease| lease.worker_id == state.worker_id)
        && matches!(chat.status, ChatStatus::Running | ChatStatus::Interrupting)
        && now <= (key.history_version, key.generation_attempt)
}

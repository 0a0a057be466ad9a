//! The commands of calls that are given up for good.
//!
//! A command goes on when the call that waited for it is dropped: that is what lets another worker take the call up. Only
//! where the user stopped the turn, nobody will; then the command is asked to end. That is tried for a while and not
//! promised: whatever comes of it, the result that the model reads says that the command may still run.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::Backoff;
use chatmesh_proto::tools::v1::tool_service_client::ToolServiceClient;
use chatmesh_proto::tools::v1::{CancelCallRequest, CancelCallResponse};
use chatmesh_rpc::client::request_on_behalf_of;
use futures::future::join_all;
use tokio::time::timeout;
use tonic::{Code, Status};
use tracing::{info, warn};

use super::call::key;
use crate::domain::Chat;
use crate::state::State;
use crate::turn::partial::Abandoned;

/// For how long it is tried, and so how long a command may run on where that helps at all.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Has commands ended whose calls nobody will make again, beside whatever the chat does next. `chat` is as it was when
/// the calls were made.
pub(crate) fn end_commands(state: &Arc<State>, chat: &Chat, abandoned: Abandoned) {
    let Abandoned { workspace, calls } = abandoned;
    let requests = calls.into_iter().map(|call| CancelCallRequest {
        chat_id: chat.id.to_string(),
        workspace_id: workspace.to_string(),
        idempotency_key: key(chat, &call),
        name: call.name,
    });
    let requests: Vec<CancelCallRequest> = requests.collect();
    let (worker, chat) = (Arc::clone(state), chat.clone());
    state.tasks.spawn("chat.end_commands", async move {
        join_all(requests.into_iter().map(|request| end_one(&worker, &chat, request))).await;
    });
}

async fn end_one(state: &State, chat: &Chat, request: CancelCallRequest) {
    let key = request.idempotency_key.clone();
    let answered = timeout(TIMEOUT, cancel(state, chat, request)).await;
    let answered = answered.unwrap_or_else(|_| Err(Status::deadline_exceeded("nobody answered in time")));
    match answered {
        Ok(CancelCallResponse { problem, .. }) if !problem.is_empty() => {
            warn!(chat = %chat.id, key, problem, "an interrupted command may go on");
        }
        Ok(CancelCallResponse { signaled, .. }) => info!(chat = %chat.id, key, signaled, "an interrupted call is over"),
        Err(status) => warn!(chat = %chat.id, key, %status, "an interrupted command may go on"),
    }
}

async fn cancel(state: &State, chat: &Chat, request: CancelCallRequest) -> Result<CancelCallResponse, Status> {
    let mut tools = ToolServiceClient::new(state.neighbours.tools.clone());
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    let is_ending = || state.tasks.shutdown().soft().is_cancelled();
    loop {
        let mut request = request_on_behalf_of(chat.owner_id, request.clone());
        request.set_timeout(TIMEOUT);
        match tools.cancel_call(request).await {
            Err(status) if status.code() == Code::Unavailable && !is_ending() => {
                tokio::time::sleep(backoff.next_pause()).await;
            }
            answered => return answered.map(tonic::Response::into_inner),
        }
    }
}

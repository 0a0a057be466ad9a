//! The way to a workspace: which agent, is it there, and what to tell the model where it is not.
//!
//! The agent that a workspace had at the last call is tried first, without asking anybody: that is
//! the common case, [`bindings`]. Where it is not connected, its return is waited for, and after a
//! while it is asked whether it still is the workspace's agent, [`connect`]. Where nobody comes,
//! [`unreachable`] says what the model can do about it.

mod bindings;
mod connect;
mod directory;
mod reach;
mod unreachable;

use std::borrow::Cow;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chatmesh_core::Backoff;
use chatmesh_rpc::client::{Peer, request_for};
use chatmesh_rpc::{Caller, Code, metadata};
use tokio::time::Instant;
use tonic::metadata::AsciiMetadataValue;
use tonic::{Request, Response, Status};

use crate::state::Neighbours;
pub(crate) use bindings::Bindings;
pub(crate) use directory::EXTERNAL;
use directory::Mesh;
pub(crate) use reach::Reached;
pub(crate) use unreachable::{explain, is_ours};

/// How long a tool waits for an agent that is not connected.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// For how long a call is made again after the connection broke. Effects have keys, so that is safe.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pauses between attempts, where an agent seems to be connected and is not.
const MIN_PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// A chat's workspace, as its tools see it.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    pub(crate) neighbours: Neighbours,
    pub(crate) bindings: Bindings,
    pub(crate) caller: Caller,
    pub(crate) chat_id: String,
    pub(crate) workspace_id: String,
    /// The name of the agent that is acted through; that which the workspace is reached through where it is empty.
    pub(crate) agent: String,
}

/// The agent of a workspace at this moment.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    relay: Peer,
    id: AsciiMetadataValue,
    chat_id: AsciiMetadataValue,
    caller: Caller,
}

impl Agent {
    /// Where calls to the agent go: to the relay, which forwards them.
    pub(crate) fn transport(&self) -> Peer {
        self.relay.clone()
    }

    /// Addresses a message to the agent.
    pub(crate) fn request<M>(&self, message: M) -> Request<M> {
        let mut request = request_for(&self.caller, message);
        request.metadata_mut().insert(metadata::AGENT_ID, self.id.clone());
        request.metadata_mut().insert(metadata::CHAT_ID, self.chat_id.clone());
        request
    }

    /// Addresses a message to the agent, which has so long to answer.
    pub(crate) fn request_within<M>(&self, timeout: Duration, message: M) -> Request<M> {
        let mut request = self.request(message);
        request.set_timeout(timeout);
        request
    }
}

/// Ends a call that its agent does not end: what is between may not heed the deadline that a request carries.
pub(crate) async fn within<T>(limit: Duration, call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    let answered = tokio::time::timeout(limit, call).await;
    answered.unwrap_or_else(|_| Err(Status::deadline_exceeded("the workspace's agent did not answer in time")))
}

impl Workspace {
    /// Makes a call to the agent, and makes it again where the connection breaks: each time with
    /// the agent that the workspace has by then.
    ///
    /// # Errors
    /// What the agent says, or why it cannot be reached; [`explain`] makes a text of it for the model.
    pub(crate) async fn retry<T, F>(&self, call: impl Fn(Agent) -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        self.repeat(call, |status| status.code() == Code::Unavailable).await
    }

    /// Makes a call that changes something, and of which the agent keeps a receipt: like [`Self::retry`].
    ///
    /// # Errors
    /// The same. Where the call may have arrived and nobody answered, the text says that it may have been carried out.
    pub(crate) async fn effect<T, F>(&self, call: impl Fn(Agent) -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let has_arrived = AtomicBool::new(false);
        let may = |status: &Status| {
            has_arrived.fetch_or(!reach::has_not_arrived(status), Ordering::Relaxed);
            status.code() == Code::Unavailable
        };
        let done = self.repeat(call, may).await;
        done.map_err(
            |status| if has_arrived.load(Ordering::Relaxed) { unreachable::unanswered(status) } else { status },
        )
    }

    /// Makes a call of which the agent keeps no receipt: it is made again only where nothing of it can
    /// have reached the agent.
    ///
    /// # Errors
    /// The same. Where the connection broke, whether the call was carried out is not known.
    pub(crate) async fn once<T, F>(&self, call: impl Fn(Agent) -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        self.repeat(call, reach::has_not_arrived).await
    }

    async fn repeat<T, F>(&self, call: impl Fn(Agent) -> F, may: impl Fn(&Status) -> bool) -> Result<T, Status>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let bound = self.bound();
        if let Some(id) = &bound {
            match call(self.agent(id)?).await {
                Err(status) if may(&status) => {}
                other => return other.map(Response::into_inner),
            }
        }
        let mut bound = bound;
        let mut backoff = Backoff::new(MIN_PAUSE, MAX_PAUSE);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let id = self.connect(bound).await?;
            match call(self.agent(&id)?).await {
                Err(status) if may(&status) && Instant::now() < deadline => {
                    tokio::time::sleep(backoff.next_pause()).await;
                }
                other => return other.map(Response::into_inner),
            }
            bound = Some(id);
        }
    }

    /// Another workspace of the same chat.
    pub(crate) fn at(&self, workspace_id: &str) -> Self {
        Self { workspace_id: workspace_id.to_owned(), ..self.clone() }
    }

    /// Waits until the agent that the workspace has now is connected, half a minute at most.
    ///
    /// # Errors
    /// Why it is not.
    pub(crate) async fn await_agent(&self) -> Result<String, Status> {
        self.connect(None).await
    }

    /// Waits until the workspace's agent is connected.
    async fn connect(&self, bound: Option<String>) -> Result<String, Status> {
        let id = connect::connect(&self.mesh(), bound, CONNECT_TIMEOUT).await?;
        self.bindings.put(&self.caller, &self.place(), id.clone());
        Ok(id)
    }

    /// What agents are remembered by.
    fn place(&self) -> Cow<'_, str> {
        match self.agent.as_str() {
            "" => Cow::Borrowed(&self.workspace_id),
            agent => Cow::Owned(format!("{}.{agent}", self.workspace_id)),
        }
    }

    fn mesh(&self) -> Mesh<'_> {
        let Self { neighbours, caller, workspace_id, agent, .. } = self;
        Mesh { neighbours, caller, workspace_id, agent }
    }

    fn agent(&self, id: &str) -> Result<Agent, Status> {
        let ascii = |text: &str| text.parse().map_err(|_| Status::internal("an identifier is not ASCII"));
        Ok(Agent {
            relay: self.neighbours.relay.clone(),
            id: ascii(id)?,
            chat_id: ascii(&self.chat_id)?,
            caller: self.caller.clone(),
        })
    }
}

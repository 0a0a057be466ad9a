//! Looks for the tools of a workspace's MCP servers in the background of a turn.
//!
//! A workspace that has just been started answers before its servers do, or not at all yet. The turn does not wait
//! for that: a step begins with the tools that there are. The primer waits in its place, and what it brings along is
//! taken up before the next step. It is a part of the turn, polled by it and dropped with it: whether the turn ends,
//! is stopped or ends with its process, nothing of the primer is left. Only tools that were found end the search; an
//! empty list does not.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_proto::tools::v1::tool_service_client::ToolServiceClient;
use chatmesh_proto::tools::v1::{
    DiscoverToolsRequest, DiscoverToolsResponse, ListToolsResponse, WorkspaceContextState, WorkspaceToolsState,
};
use chatmesh_rpc::client::request_on_behalf_of;
use tokio::time::{Instant, timeout};
use tracing::debug;

use crate::domain::Chat;
use crate::skills::SkillSummary;
use crate::state::State;
use crate::turn::workspace::{Equipment, equipment};

/// How long the service may take: it gives up by itself before.
const CALL_TIMEOUT: Duration = Duration::from_secs(35);
/// How long it rests after a search, so that a workspace without servers is not asked without end.
const REST: Duration = Duration::from_secs(60);
/// How long it rests where nobody could say, or something was found that could not be fetched: that is likely to be
/// better in a moment.
const SHORT_REST: Duration = Duration::from_secs(2);

/// What is missing of a workspace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::turn) struct Missing {
    /// It did not say what it is.
    pub(in crate::turn) context: bool,
    /// The tools of its servers are not known.
    pub(in crate::turn) tools: bool,
}

impl Missing {
    /// What a list lacks.
    pub(in crate::turn) fn of(listed: &ListToolsResponse) -> Self {
        use WorkspaceToolsState as Tools;
        Self {
            context: listed.workspace_context_state() == WorkspaceContextState::Unreachable,
            tools: matches!(listed.workspace_tools_state(), Tools::Unknown | Tools::Empty),
        }
    }
}

/// What came of a search.
enum Outcome {
    Came(Box<Equipment>),
    /// There is something and it could not be fetched, or nobody could say.
    Missed,
    Nothing,
}

type Search = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// The search of one turn.
#[derive(Default)]
pub(in crate::turn) struct Primer {
    search: Option<Search>,
    /// The search on is for the workspace's context, too.
    lacked_context: bool,
    found: Option<Equipment>,
    rests_until: Option<Instant>,
}

impl std::fmt::Debug for Primer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Primer").field("searches", &self.search.is_some()).finish_non_exhaustive()
    }
}

impl Primer {
    /// Begins a search where something is missing, unless one is on or was so just now.
    pub(in crate::turn) fn begin(
        &mut self,
        state: &Arc<State>,
        chat: &Chat,
        missing: Missing,
        skills: &Arc<[SkillSummary]>,
    ) {
        let is_resting = self.rests_until.is_some_and(|until| Instant::now() < until);
        if (missing.context || missing.tools) && self.search.is_none() && !is_resting {
            self.lacked_context = missing.context;
            self.search = Some(Box::pin(search(Arc::clone(state), chat.clone(), missing, Arc::clone(skills))));
        }
    }

    /// Does `work`, and goes on with the search for as long as that takes.
    pub(in crate::turn) async fn alongside<T>(&mut self, mut work: Pin<Box<impl Future<Output = T>>>) -> T {
        while let Some(search) = &mut self.search {
            tokio::select! {
                biased;
                done = &mut work => return done,
                outcome = search => {
                    self.search = None;
                    self.ended(outcome);
                }
            }
        }
        work.await
    }

    /// What was found since the last step.
    pub(in crate::turn) fn take(&mut self) -> Option<Equipment> {
        self.found.take()
    }

    /// The chat has another workspace: what was searched for is of no use any more.
    pub(in crate::turn) fn start_over(&mut self) {
        *self = Self::default();
    }

    fn ended(&mut self, outcome: Outcome) {
        let rest = match &outcome {
            // A workspace that has just come may have servers that come after it: they are looked for right away.
            Outcome::Came(_) if self.lacked_context => Duration::ZERO,
            Outcome::Missed => SHORT_REST,
            Outcome::Came(_) | Outcome::Nothing => REST,
        };
        self.rests_until = Some(Instant::now() + rest);
        self.found = match outcome {
            Outcome::Came(found) => Some(*found),
            Outcome::Missed | Outcome::Nothing => None,
        };
    }
}

/// Looks for what is missing, and fetches what the mesh has once it is there.
async fn search(state: Arc<State>, chat: Chat, missing: Missing, skills: Arc<[SkillSummary]>) -> Outcome {
    let Some(discovered) = discover(&state, &chat, missing).await else { return Outcome::Missed };
    let has_tools = discovered.workspace_tools_state() == WorkspaceToolsState::Found;
    let has_come = missing.context && discovered.reachable;
    if !has_tools && !has_come {
        return Outcome::Nothing;
    }
    match equipment(&state, &chat, &skills).await {
        Ok(Some(found)) => {
            let left = Missing::of(&found.listed);
            // A workspace that is away again, or whose tools did not come in time, brings nothing along.
            if left.context || (has_tools && left.tools) { Outcome::Missed } else { Outcome::Came(Box::new(found)) }
        }
        Ok(None) => Outcome::Nothing,
        Err(_) => Outcome::Missed,
    }
}

/// Asks for what is missing; `None` where no answer came.
async fn discover(state: &State, chat: &Chat, missing: Missing) -> Option<DiscoverToolsResponse> {
    let message = DiscoverToolsRequest {
        chat_id: chat.id.to_string(),
        workspace_id: chat.workspace_id?.to_string(),
        until_reachable: missing.context,
    };
    let mut tools = ToolServiceClient::new(state.neighbours.tools.clone());
    let mut request = request_on_behalf_of(chat.owner_id, message);
    request.set_timeout(CALL_TIMEOUT);
    match timeout(CALL_TIMEOUT, tools.discover_tools(request)).await {
        Ok(Ok(discovered)) => Some(discovered.into_inner()),
        Ok(Err(status)) => {
            debug!(chat = %chat.id, error = %status.message(), "tools of the workspace cannot be looked for");
            None
        }
        Err(_) => None,
    }
}

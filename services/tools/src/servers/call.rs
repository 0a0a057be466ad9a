//! A call of a server's tool.
//!
//! What such a tool does is not the mesh's to know, and nobody keeps a receipt of it. So a call is made once: where its
//! answer was lost, the model is told that the outcome is unknown instead of being given a second one.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_proto::tools::v1::{CallToolRequest, ChatMode, McpAuthType};
use chatmesh_rpc::UserId;
use serde_json::{Map, Value};
use tokio::time::timeout;
use tracing::warn;

use super::client::CallError;
use super::domain::{Reference, Server};
use super::enabled::READ_TIMEOUT;
use super::govern::Choice;
use super::offer::{Asked, Outcome as Listing};
use super::state::Servers;
use super::visit::Unreached;
use super::{govern, intent};
use crate::mcp::{self, SEPARATOR, is_alias};
use crate::outcome::Outcome;

/// How long a call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest identifier of a call that servers are told.
const MAX_ID_BYTES: usize = 256;

impl Servers {
    /// Calls a tool; `None` where its name is not that of a tool of one of the chat's servers.
    pub(crate) async fn call(
        self: &Arc<Self>,
        user: UserId,
        request: &CallToolRequest,
        mode: Option<ChatMode>,
    ) -> Option<Outcome> {
        let (slug, tool) = request.name.split_once(SEPARATOR)?;
        let reference = Reference::Slug(slug.to_owned());
        let found = match timeout(READ_TIMEOUT, self.store.find(&reference)).await {
            Ok(Ok(server)) => Ok(server?),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the database does not answer".to_owned()),
        };
        let server = match found {
            Ok(server) => server,
            Err(problem) => {
                warn!(%problem, "it cannot be said whose tool is called");
                let message = "the MCP servers of this mesh are not known at the moment: nothing was done, try again";
                return Some(Outcome::Failure(message.to_owned()));
            }
        };
        let choice = Choice::new(&request.mcp_server_ids, request.default_mcp_servers);
        if !govern::has(&server, &choice, mode) {
            return None;
        }
        let asked = Asked { user, chat_id: request.chat_id.clone(), workspace_id: request.workspace_id.clone() };
        let outcome = self.call_of(&server, &asked, request, tool).await;
        Some(outcome.unwrap_or_else(Outcome::Failure))
    }

    async fn call_of(
        self: &Arc<Self>,
        server: &Server,
        asked: &Asked,
        request: &CallToolRequest,
        tool: &str,
    ) -> Result<Outcome, String> {
        let arguments = arguments(&request.args)?;
        let arguments = if server.settings.model_intent { intent::unwrap(arguments) } else { arguments };
        let tool =
            if is_alias(&request.name) { self.original(server, asked, &request.name).await? } else { tool.to_owned() };
        // Looked at again: a model may name what it was not offered.
        if !govern::allows(server, &tool) {
            return Err(format!("this chat has no tool `{}`", request.name));
        }
        let explained = |unreached: Unreached| match unreached {
            Unreached::Late => late(server),
            Unreached::Unauthorized => self.unauthorized(server, asked.user),
            Unreached::Failed(problem) => failed(server, &problem),
        };
        let mut visit = self.visit(server, asked).await.map_err(explained)?;
        let mut session = Box::pin(self.session(&visit)).await.map_err(explained)?;
        let key = &request.idempotency_key;
        let id = &key[key.ceil_char_boundary(key.len().saturating_sub(MAX_ID_BYTES))..];
        let mut called = session.call(&tool, arguments.clone(), id, CALL_TIMEOUT).await;
        if called == Err(CallError::Unauthorized) {
            self.sessions.end(&visit.session_key(), &session).await;
            // What was not taken is not done: with a token that is, it is made once.
            if let Some(token) = self.another_token(server, asked.user, &visit.token).await {
                visit = visit.anew(token);
                session = Box::pin(self.session(&visit)).await.map_err(explained)?;
                called = session.call(&tool, arguments, id, CALL_TIMEOUT).await;
                if called == Err(CallError::Unauthorized) {
                    self.sessions.end(&visit.session_key(), &session).await;
                    self.give_up(server, asked.user, &visit.token);
                }
            }
        }
        match called {
            Ok(answer) => Ok(mcp::outcome(&answer)),
            Err(CallError::Refused(problem)) => {
                Err(format!("MCP server `{}` refused the call of `{tool}`: {problem}", server.slug))
            }
            Err(CallError::Unauthorized) => Err(self.unauthorized(server, asked.user)),
            Err(CallError::Lost(problem)) => {
                // The next call begins anew, and those that go on in this session end as they would.
                self.sessions.end(&visit.session_key(), &session).await;
                Err(format!(
                    "MCP server `{}` gave no answer to `{tool}` ({problem}): whether the tool did its work is not \
                     known. Look at its effects before you call it again",
                    server.slug
                ))
            }
        }
    }

    /// What the server calls the tool that the model knows as `name`.
    async fn original(self: &Arc<Self>, server: &Server, asked: &Asked, name: &str) -> Result<String, String> {
        match self.listing(server, asked).await {
            Listing::Listed(tools) => {
                let mut offered = govern::tools_of(server, &tools);
                let gone = || format!("MCP server `{}` has no tool `{name}` now: nothing was done", server.slug);
                offered.originals.remove(name).ok_or_else(gone)
            }
            Listing::Late => Err(late(server)),
            Listing::Unauthorized => Err(self.unauthorized(server, asked.user)),
            Listing::Failed(problem) => Err(failed(server, &problem)),
        }
    }

    /// Who can help where a server does not take what it was shown.
    fn unauthorized(&self, server: &Server, user: UserId) -> String {
        let who = match server.settings.auth_type() {
            McpAuthType::Oauth2 if self.misconfigured.contains(server.id, user) => {
                "an administrator has to mend its `oauth2`: its authorization server does not take the client that is \
                 configured there; where that does not help, the user has to connect to it again"
            }
            McpAuthType::Oauth2 => "the user has to connect to it again",
            _ => "an administrator has to look after it",
        };
        format!("MCP server `{}` does not take its authorization: nothing was done, {who}", server.slug)
    }
}

fn late(server: &Server) -> String {
    format!("MCP server `{}` did not answer within 10 seconds: nothing was done", server.slug)
}

fn failed(server: &Server, problem: &str) -> String {
    format!("MCP server `{}` cannot be reached: {problem}; nothing was done", server.slug)
}

/// The arguments of a call: a model that has nothing to say may write nothing.
fn arguments(args: &str) -> Result<Map<String, Value>, String> {
    let args = if args.trim().is_empty() { "{}" } else { args };
    serde_json::from_str(args)
        .map_err(|error| format!("the arguments are not a JSON object ({error}): send one that fits the schema"))
}

#[cfg(test)]
mod tests;

//! The tools of all servers that a chat has: asked for at once, in bounded time. A server that does not answer costs
//! its own tools and nothing else.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_mcp::{Protocol, Redactor, is_secret};
use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_proto::tools::v1::{ChatMode, McpAuthType, McpTransport};
use chatmesh_rpc::UserId;
use futures::future::join_all;
use tokio::time::Instant;
use tracing::{debug, warn};
use url::Url;

use super::cache::Known;
use super::client::{OpenError, RemoteTool, Session, Target};
use super::domain::Server;
use super::govern::{self, Choice};
use super::headers::{headers, is_identity};
use super::oauth::Token;
use super::sessions::Shared;
use super::state::Servers;
use super::visit::Visit;
use crate::catalogue::{Outside, outside_servers};
use crate::mcp::Room;

/// From when on it is remarkable how long a server takes.
const SLOW: Duration = Duration::from_secs(5);
/// How many servers are told of to which the user has to connect again.
const MAX_TOLD: usize = 8;
/// What stands before them.
const TO_CONNECT: &str = "The user has to connect again to MCP servers outside of this mesh: until then, their tools are \
                          missing or fail. Where that is in the way, tell the user what to do; it shows with the user's \
                          next message:";

/// For whom a server is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) user: UserId,
    /// Empty where it is for no chat.
    pub(crate) chat_id: String,
    /// Empty where the chat has none.
    pub(crate) workspace_id: String,
}

impl Asked {
    /// For a user, and no chat.
    pub(super) fn alone(user: UserId) -> Self {
        Self { user, chat_id: String::new(), workspace_id: String::new() }
    }
}

/// What came of the question.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// The tools, as the server describes them.
    Listed(Arc<Vec<RemoteTool>>),
    /// It did not answer in time.
    Late,
    /// It does not take what it was shown, or wants to be shown something.
    Unauthorized,
    /// It could not be connected; redacted.
    Failed(String),
}

/// The tools of a chat's servers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Offered {
    /// Ordered by name.
    pub(crate) tools: Vec<ToolDefinition>,
    /// The names of all of these servers: a call of a tool that begins with one goes there, also where the server did not
    /// list it.
    pub(crate) slugs: HashSet<String>,
    /// The names of those to which the user has to connect again, ordered.
    pub(crate) to_connect: Vec<String>,
    /// True where nobody can say which servers these are: any `server__tool` may be of one of them.
    pub(crate) is_unknown: bool,
}

impl Offered {
    /// What the model is told of servers whose tools are missing until the user does something; `None` where there are
    /// none. The words are the same until the user has done it: they stand in the prompt, which providers cache.
    pub(crate) fn note(&self) -> Option<String> {
        let line = |slug: &String| {
            format!(
                "\n- server `{slug}`: what the user granted has ended; `chatmesh mcp connect {slug}` grants it anew"
            )
        };
        let mut lines: String = self.to_connect.iter().take(MAX_TOLD).map(line).collect();
        if self.to_connect.len() > MAX_TOLD {
            lines.push_str("\n- and more");
        }
        (!lines.is_empty()).then(|| format!("{TO_CONNECT}{lines}"))
    }
}

/// As many as there is room for, and how many are left out.
fn bounded(mut tools: Vec<ToolDefinition>) -> (Vec<ToolDefinition>, usize) {
    let all = tools.len();
    let mut room = Room::default();
    tools.retain(|tool| room.take(tool));
    let left_out = all - tools.len();
    (tools, left_out)
}

impl Servers {
    /// The tools that a chat is offered. A server that fails is skipped; where the database does, and nobody remembers the
    /// servers, all of them are.
    pub(crate) async fn offered(self: &Arc<Self>, asked: &Asked, choice: &Choice, mode: Option<ChatMode>) -> Offered {
        if outside_servers(mode) == Outside::None {
            return Offered::default();
        }
        let Some((enabled, is_current)) = self.enabled_lately().await else {
            return Offered { is_unknown: true, ..Offered::default() };
        };
        let has: Vec<Server> = enabled.into_iter().filter(|server| govern::has(server, choice, mode)).collect();
        let listed = join_all(has.iter().map(|server| self.offer_of(server, asked, is_current))).await;
        let (mut all, mut unusable, mut to_connect) = (Vec::new(), 0, Vec::new());
        for (server, (outcome, has_to_connect)) in has.iter().zip(listed) {
            if has_to_connect {
                to_connect.push(server.slug.clone());
            }
            if let Outcome::Listed(tools) = outcome {
                let of_server = govern::tools_of(server, &tools);
                unusable += of_server.left_out;
                all.extend(of_server.tools);
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        to_connect.sort_unstable();
        let (tools, left_out) = bounded(all);
        if left_out + unusable > 0 {
            warn!(chat = %asked.chat_id, left_out, unusable, "tools of MCP servers are not offered");
        }
        let slugs = has.into_iter().map(|server| server.slug).collect();
        Offered { tools, slugs, to_connect, is_unknown: false }
    }

    /// What a server said, and whether the user has to connect to it again. One to which they never did, or not any more,
    /// is left at that.
    async fn offer_of(self: &Arc<Self>, server: &Server, asked: &Asked, is_current: bool) -> (Outcome, bool) {
        let visit = match self.visit(server, asked).await {
            Ok(visit) => visit,
            Err(unreached) => return (unreached.into(), false),
        };
        let (has_ended, has_token) = (visit.token.has_ended, visit.token.header.is_some());
        let outcome = if is_current { self.listing_for(visit).await } else { self.listed_before(&visit) };
        let is_refused = has_token && outcome == Outcome::Unauthorized;
        (outcome, has_ended || is_refused)
    }

    /// What a server said lately, or says now. Once it has failed, it is looked at again without anybody waiting.
    pub(super) async fn listing(self: &Arc<Self>, server: &Server, asked: &Asked) -> Outcome {
        match self.visit(server, asked).await {
            Ok(visit) => self.listing_for(visit).await,
            Err(unreached) => unreached.into(),
        }
    }

    async fn listing_for(self: &Arc<Self>, visit: Visit) -> Outcome {
        let key = visit.key();
        match self.listings.get(&key) {
            Known::Fresh(outcome) => outcome,
            Known::Stale(outcome) => {
                let servers = Arc::clone(self);
                self.tasks.spawn("tools.mcp.look", async move {
                    let outcome = servers.look(&visit).await;
                    servers.listings.put(key, &outcome);
                });
                outcome
            }
            Known::Nothing => {
                let outcome = self.look(&visit).await;
                self.listings.put(key, &outcome);
                outcome
            }
        }
    }

    /// What a server said lately; it is not asked.
    fn listed_before(&self, visit: &Visit) -> Outcome {
        match self.listings.get(&visit.key()) {
            Known::Fresh(outcome) | Known::Stale(outcome) => outcome,
            Known::Nothing => Outcome::Failed("it said nothing lately".to_owned()),
        }
    }

    /// Asks a server for its tools now.
    pub(super) async fn ask(self: &Arc<Self>, server: &Server, asked: &Asked) -> Outcome {
        match self.visit(server, asked).await {
            Ok(visit) => self.look(&visit).await,
            Err(unreached) => unreached.into(),
        }
    }

    async fn look(self: &Arc<Self>, visit: &Visit) -> Outcome {
        let (began, server) = (Instant::now(), &visit.server);
        let listed = Box::pin(self.list(visit)).await;
        let took = began.elapsed();
        let outcome = listed.map_or_else(Outcome::from, |tools| Outcome::Listed(Arc::new(tools)));
        match &outcome {
            Outcome::Listed(tools) if took > SLOW => {
                warn!(server = %server.slug, ?took, tools = tools.len(), "an MCP server is slow");
            }
            Outcome::Listed(tools) => {
                debug!(server = %server.slug, ?took, tools = tools.len(), "an MCP server answered");
            }
            Outcome::Late => warn!(server = %server.slug, "an MCP server did not answer in time and is skipped"),
            Outcome::Unauthorized => warn!(server = %server.slug, "an MCP server wants another authorization"),
            Outcome::Failed(error) => warn!(server = %server.slug, %error, "an MCP server failed and is skipped"),
        }
        outcome
    }

    /// Opens a session, and lists the tools: what cannot say what it has is of no use. A token that the server refuses is
    /// renewed once, whatever was said of its end.
    pub(super) async fn open_and_list(self: &Arc<Self>, visit: &Visit) -> Result<(Shared, Vec<RemoteTool>), OpenError> {
        let (server, user) = (&visit.server, visit.asked.user);
        let opened = Box::pin(self.open_as(visit, &visit.token)).await;
        let is_refused = matches!(opened, Err(OpenError::Unauthorized)) && visit.token.header.is_some();
        if !is_refused {
            return opened;
        }
        if visit.is_renewed {
            self.give_up(server, user, &visit.token);
            return opened;
        }
        let Some(token) = self.another_token(server, user, &visit.token).await else { return opened };
        let opened = Box::pin(self.open_as(visit, &token)).await;
        if matches!(opened, Err(OpenError::Unauthorized)) {
            self.give_up(server, user, &token);
        }
        opened
    }

    async fn open_as(&self, visit: &Visit, token: &Token) -> Result<(Shared, Vec<RemoteTool>), OpenError> {
        let server = &visit.server;
        let wants_token = matches!(server.settings.auth_type(), McpAuthType::Oauth2 | McpAuthType::UserOidc);
        if wants_token && token.header.is_none() {
            warn!(server = %server.slug, "an MCP server is connected without a token: its user has none");
        }
        let (target, redactor) = self.target(server, &visit.asked, token).await?;
        let session = Session::open(&*self.connector, &target, redactor).await?;
        let is_signed = server.settings.forward_identity_headers && server.settings.has_signing_secret;
        let session = Shared::new(session, is_signed, self.tasks.clone());
        let tools = session.list().await?;
        Ok((session, tools))
    }

    /// Where a server is, what it is sent, and what of that is not to be said.
    async fn target(&self, server: &Server, asked: &Asked, token: &Token) -> Result<(Target, Redactor), String> {
        let secrets = self.open(server).map_err(|error| error.to_string())?;
        let url = Url::parse(&server.settings.url).map_err(|_| "its address is none".to_owned())?;
        let token = token.header.as_ref();
        let headers = headers(server, &secrets, token.map(String::as_str), asked, self.clock.now());
        let values = headers.iter().filter(|(name, _)| !is_identity(name));
        let values = values.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        // What an administrator gave for a key is one, whatever its header is called.
        let key = secrets.api_key.as_str();
        let (sure, doubtful): (Vec<_>, Vec<_>) =
            values.partition(|(name, value)| is_secret(name, value) || *value == key);
        let redactor = Redactor::new(sure.into_iter().map(|(_, value)| value), Some(&url));
        let redactor = redactor.with_doubtful(doubtful.into_iter().map(|(_, value)| value));
        let protocol = match server.settings.transport() {
            McpTransport::Sse => Protocol::Sse,
            McpTransport::Unspecified | McpTransport::StreamableHttp => Protocol::StreamableHttp,
        };
        Ok((Target { protocol, url, headers }, redactor))
    }
}

#[cfg(test)]
mod tests;

//! A session with one server.

use std::fmt;
use std::time::Duration;

use chatmesh_mcp::{Redactor, answer, is_unauthorized};
use chatmesh_proto::agent::v1::CallMcpToolResponse;
use parking_lot::Mutex;
use rmcp::model::{CallToolRequestParams, CallToolResponse, JsonObject, PaginatedRequestParams, RequestMetaObject};
use rmcp::service::{ClientCacheConfig, Peer, RoleClient, ServiceError};
use serde_json::Value;
use tracing::debug;

use super::{Connect, Link, OpenError, Target};

/// What tells a server that two calls are the same one, made twice.
const CALL_ID: &str = "chatmesh/tool_call_id";
/// How much of an answer may be data that is no text: the largest file that chats take.
const MAX_DATA_BYTES: usize = 10 * 1024 * 1024;
/// How many tools are taken of one server.
const MAX_TOOLS: usize = 500;
/// How many pages a server may spread them over.
const MAX_PAGES: usize = 50;
/// The longest description in bytes; longer ones are cut.
const MAX_DESCRIPTION_BYTES: usize = 8 * 1024;
/// The longest schema in bytes; a tool with a longer one is left out.
const MAX_SCHEMA_BYTES: usize = 64 * 1024;
/// How long a session has to end in order.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A tool as its server describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::servers) struct RemoteTool {
    pub(in crate::servers) name: String,
    pub(in crate::servers) description: String,
    pub(in crate::servers) schema: String,
}

/// A session with one server. Calls share it; whoever closes it ends them.
pub(in crate::servers) struct Session {
    redactor: Redactor,
    peer: Peer<RoleClient>,
    link: Mutex<Option<Link>>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

/// Why a call has no answer; redacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::servers) enum CallError {
    /// The server did not take it.
    Refused(String),
    /// The server did not take it: it wants an authorization, or another one.
    Unauthorized,
    /// Whether it was carried out is not known.
    Lost(String),
}

impl Session {
    /// Connects a server.
    ///
    /// # Errors
    /// Says why there is no session; redacted.
    pub(in crate::servers) async fn open(
        connector: &dyn Connect,
        target: &Target,
        redactor: Redactor,
    ) -> Result<Self, OpenError> {
        let link = connector.connect(target).await.map_err(|error| match error {
            OpenError::Failed(problem) => OpenError::Failed(redactor.apply(&problem)),
            OpenError::Unauthorized => OpenError::Unauthorized,
        })?;
        let peer = link.peer().clone();
        // What is remembered, and for how long, is decided in one place.
        peer.set_response_cache_config(ClientCacheConfig::disabled()).await;
        Ok(Self { redactor, peer, link: Mutex::new(Some(link)) })
    }

    /// Asks for the tools; the caller bounds the time.
    ///
    /// # Errors
    /// Says why there is no list; redacted.
    pub(in crate::servers) async fn list(&self) -> Result<Vec<RemoteTool>, OpenError> {
        let mut tools = Vec::new();
        let mut cursor = None;
        for _ in 0..MAX_PAGES {
            let params = cursor.map(|cursor| PaginatedRequestParams::default().with_cursor(Some(cursor)));
            let page = self.peer.list_tools(params).await;
            let page = page.map_err(|error| match is_unauthorized(&error) {
                true => OpenError::Unauthorized,
                false => self.redactor.apply(&format!("its tools can not be listed: {error}")).into(),
            })?;
            tools.extend(page.tools.into_iter().filter_map(remote));
            cursor = page.next_cursor;
            if cursor.is_none() || tools.len() >= MAX_TOOLS {
                break;
            }
        }
        tools.truncate(MAX_TOOLS);
        tools.sort_by(|a, b| a.name.cmp(&b.name));
        tools.dedup_by(|a, b| a.name == b.name);
        Ok(tools)
    }

    /// True while calls can be made.
    pub(in crate::servers) fn is_alive(&self) -> bool {
        !self.peer.is_transport_closed()
    }

    /// Calls a tool by the server's own name for it. A caller that goes away cancels the call.
    pub(in crate::servers) async fn call(
        &self,
        tool: &str,
        arguments: JsonObject,
        call_id: &str,
        limit: Duration,
    ) -> Result<CallMcpToolResponse, CallError> {
        let mut params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let mut meta = RequestMetaObject::default();
        meta.insert(CALL_ID.to_owned(), call_id.into());
        params.meta = Some(meta);
        match tokio::time::timeout(limit, self.peer.call_tool_once(params)).await {
            Err(_) => Err(CallError::Lost(format!("it did not answer within {} seconds", limit.as_secs()))),
            Ok(Err(ServiceError::McpError(error))) => Err(CallError::Refused(self.redactor.apply(&error.message))),
            Ok(Err(error)) if is_unauthorized(&error) => Err(CallError::Unauthorized),
            Ok(Err(error)) => Err(CallError::Lost(self.redactor.apply(&error.to_string()))),
            Ok(Ok(CallToolResponse::Complete(result))) => Ok(answer(result, MAX_DATA_BYTES, &self.redactor)),
            Ok(Ok(CallToolResponse::InputRequired(_))) => {
                Err(CallError::Refused("the tool asks for input, and nobody is there to give it".to_owned()))
            }
            Ok(Ok(_)) => Err(CallError::Lost("its answer is of an unknown kind".to_owned())),
        }
    }

    /// Ends the session.
    pub(in crate::servers) async fn close(&self) {
        let link = self.link.lock().take();
        if let Some(mut link) = link
            && link.close_with_timeout(CLOSE_TIMEOUT).await.is_err()
        {
            debug!("a session with an MCP server ended in a panic");
        }
    }
}

fn remote(tool: rmcp::model::Tool) -> Option<RemoteTool> {
    let schema = Value::Object(tool.input_schema.as_ref().clone()).to_string();
    let mut description = tool.description.unwrap_or_default().into_owned();
    description.truncate(description.floor_char_boundary(MAX_DESCRIPTION_BYTES));
    let fits = !tool.name.is_empty() && schema.len() <= MAX_SCHEMA_BYTES;
    fits.then(|| RemoteTool { name: tool.name.into_owned(), description, schema })
}

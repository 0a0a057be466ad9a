//! A session with one server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_mcp::{Redactor, answer};
use chatmesh_proto::agent::v1 as pb;
use parking_lot::Mutex;
use rmcp::model::{CallToolRequestParams, CallToolResponse, JsonObject, RequestMetaObject};
use rmcp::service::{ClientCacheConfig, Peer, RoleClient, ServiceError};

use super::config::{Definition, Transport};
use super::connect::{Client, Connect, Link};
use super::error::Error;
use super::tools::{self, Catalog};

/// What tells a server that two calls are the same one, made twice.
const CALL_ID: &str = "chatmesh/tool_call_id";
/// How much of an answer may be data that is no text.
const MAX_DATA_BYTES: usize = 1024 * 1024;

/// A session with one server. Calls share it; whoever closes it ends them.
pub(super) struct Session {
    pub(super) server: String,
    /// How the server was reached; a definition that differs is another server.
    pub(super) transport: Transport,
    redactor: Redactor,
    peer: Peer<RoleClient>,
    client: Client,
    catalog: Mutex<Arc<Catalog>>,
    link: Mutex<Option<Link>>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Session {
    /// Connects a server and lists its tools; `timeout` for both.
    ///
    /// # Errors
    /// Says why there is no session; redacted.
    pub(super) async fn open(
        connector: &dyn Connect,
        definition: &Definition,
        client: Client,
        timeout: Duration,
    ) -> Result<Self, String> {
        let Definition { name, transport, redactor } = definition;
        let transport = transport.clone()?;
        let opening = async {
            let link = connector.connect(&transport, client.clone()).await?;
            let peer = link.service.peer().clone();
            // The agent asks when it wants to know, and then it wants to know what is now.
            peer.set_response_cache_config(ClientCacheConfig::disabled()).await;
            match tools::list(name, &peer).await {
                Ok(catalog) => Ok((link, peer, catalog)),
                Err(error) => {
                    let problem = format!("its tools can not be listed: {error}");
                    link.close(timeout).await;
                    Err(problem)
                }
            }
        };
        let opened = tokio::time::timeout(timeout, opening).await;
        let opened = opened.unwrap_or_else(|_| Err(format!("it did not answer within {} seconds", timeout.as_secs())));
        let (link, peer, catalog) = opened.map_err(|problem| redactor.apply(&problem))?;
        Ok(Self {
            server: name.clone(),
            transport,
            redactor: redactor.clone(),
            peer,
            client,
            catalog: Mutex::new(Arc::new(catalog)),
            link: Mutex::new(Some(link)),
        })
    }

    /// The tools, as they were last listed.
    pub(super) fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.lock())
    }

    /// True while calls can be made.
    pub(super) fn is_alive(&self) -> bool {
        !self.peer.is_transport_closed()
    }

    /// True where the server said that its tools have changed.
    pub(super) fn is_stale(&self) -> bool {
        self.client.is_stale()
    }

    /// Lists the tools again; on an error those of before stay.
    ///
    /// # Errors
    /// Says why; redacted.
    pub(super) async fn refresh(&self, timeout: Duration) -> Result<(), String> {
        self.client.freshen();
        let listed = tokio::time::timeout(timeout, tools::list(&self.server, &self.peer)).await;
        let catalog = match listed {
            Ok(listed) => listed.map_err(|error| self.redactor.apply(&error.to_string()))?,
            Err(_) => return Err(format!("it did not list its tools within {} seconds", timeout.as_secs())),
        };
        *self.catalog.lock() = Arc::new(catalog);
        Ok(())
    }

    /// Calls a tool by the server's own name for it. A caller that goes away cancels the call.
    pub(super) async fn call(
        &self,
        tool: &str,
        arguments: JsonObject,
        call_id: &str,
        timeout: Duration,
    ) -> Result<pb::CallMcpToolResponse, Error> {
        let mut params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        if !call_id.is_empty() {
            let mut meta = RequestMetaObject::default();
            meta.insert(CALL_ID.to_owned(), call_id.into());
            params.meta = Some(meta);
        }
        let server = || self.server.clone();
        match tokio::time::timeout(timeout, self.peer.call_tool_once(params)).await {
            Err(_) => Err(Error::TimedOut { server: server(), timeout }),
            Ok(Err(error)) => Err(self.call_error(error)),
            Ok(Ok(CallToolResponse::Complete(result))) => Ok(answer(result, MAX_DATA_BYTES, &self.redactor)),
            Ok(Ok(CallToolResponse::InputRequired(_))) => {
                let problem = "the tool asks for input, and nobody is there to give it".to_owned();
                Err(Error::Unusable { server: server(), problem })
            }
            Ok(Ok(_)) => Err(Error::Unusable { server: server(), problem: "it is of an unknown kind".to_owned() }),
        }
    }

    fn call_error(&self, error: ServiceError) -> Error {
        let server = self.server.clone();
        match error {
            ServiceError::McpError(error) => Error::Refused { server, problem: self.redactor.apply(&error.message) },
            ServiceError::TransportClosed | ServiceError::Cancelled { .. } | ServiceError::TransportSend(_) => {
                Error::Gone(server)
            }
            error => Error::Unusable { server, problem: self.redactor.apply(&error.to_string()) },
        }
    }

    /// Ends the session and the server's program; `patience` for each of its steps.
    pub(super) async fn close(&self, patience: Duration) {
        let link = self.link.lock().take();
        if let Some(link) = link {
            link.close(patience).await;
        }
    }
}

//! Servers for tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chatmesh_core::{Clock as _, IdSource as _, SystemClock, SystemIds, Timestamp, Uuid};
use chatmesh_db::DbError;
use chatmesh_proto::tools::v1 as pb;
use chatmesh_rpc::{Caller, Role, UserId};
use parking_lot::Mutex;
use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RoleServer, ServiceExt as _};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::client::{Client, Connect, Link, OpenError, RemoteTool, Target};
use super::domain::{Reference, Server, ServerId};
use super::state::Servers;
use super::store::{GrantRow, GrantStore, Inserted, LoginRow, ServerStore};

/// A server that is on for all chats.
pub(super) fn server(slug: &str) -> Server {
    let now = SystemClock.now();
    Server {
        id: ServerId(SystemIds.next()),
        slug: slug.to_owned(),
        enabled: true,
        version: 1,
        settings: pb::McpServer {
            url: format!("https://{slug}.example/some/secret/path?token=in-the-query"),
            availability: pb::McpAvailability::ForceOn.into(),
            ..pb::McpServer::default()
        },
        sealed_secrets: None,
        created_at: now,
        updated_at: now,
    }
}

/// Who may change servers.
pub(super) fn admin() -> Caller {
    Caller::user(UserId(SystemIds.next()), Role::Admin)
}

/// Who may not.
pub(super) fn member() -> Caller {
    Caller::user(UserId(SystemIds.next()), Role::Member)
}

/// A tool without arguments.
pub(super) fn tool(name: &str) -> RemoteTool {
    let schema = r#"{"type":"object","properties":{}}"#.to_owned();
    RemoteTool { name: name.to_owned(), description: "It does.".to_owned(), schema }
}

/// No servers at all.
pub(crate) fn none() -> Arc<Servers> {
    Network::default().servers(Vec::new())
}

/// What a server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    /// Answers after a while.
    Serve(Duration),
    /// Never says a word.
    Hang,
    /// Refuses, and says all that it was sent.
    Fail,
}

/// Servers by the first label of their host.
#[derive(Debug, Clone, Default)]
pub(super) struct Network {
    does: Arc<Mutex<BTreeMap<String, Does>>>,
    /// What was shown in `Authorization` whenever somebody connected.
    connects: Arc<Mutex<Vec<String>>>,
    /// How many sessions there were, and how many there are.
    sessions: Arc<watch::Sender<(usize, usize)>>,
    tasks: TaskTracker,
    /// True while the database of servers says nothing.
    is_away: Arc<AtomicBool>,
}

impl Network {
    pub(super) fn take_database_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
    }

    pub(super) fn set(&self, slug: &str, does: Does) {
        self.does.lock().insert(slug.to_owned(), does);
    }

    pub(super) fn connects(&self) -> usize {
        self.connects.lock().len()
    }

    /// What was shown in `Authorization` since the last time this was asked, once for each connection.
    pub(super) fn shown(&self) -> Vec<String> {
        std::mem::take(&mut *self.connects.lock())
    }

    pub(super) fn live(&self) -> usize {
        self.sessions.borrow().1
    }

    /// Waits until there were so many sessions, of which so many are left.
    pub(super) async fn until(&self, opened: usize, live: usize) {
        let reached = |sessions: &(usize, usize)| *sessions == (opened, live);
        self.sessions.subscribe().wait_for(reached).await.expect("the network is there");
    }

    /// The mesh's side, with these servers configured.
    pub(super) fn servers(&self, configured: Vec<Server>) -> Arc<Servers> {
        self.servers_with(configured, Arc::default())
    }

    /// The same, with grants to look at.
    pub(super) fn servers_with(&self, configured: Vec<Server>, granted: Arc<Granted>) -> Arc<Servers> {
        let store = Arc::new(Kept {
            servers: Mutex::new(configured),
            granted: Arc::clone(&granted),
            is_away: Arc::clone(&self.is_away),
        });
        Arc::new(Servers::for_test(store, granted, Arc::new(self.clone())))
    }
}

#[tonic::async_trait]
impl Connect for Network {
    async fn connect(&self, target: &Target) -> Result<Link, OpenError> {
        let shown = target.headers.get(&http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        self.connects.lock().push(shown.unwrap_or_default().to_owned());
        let host = target.url.host_str().unwrap_or_default();
        let slug = host.split('.').next().unwrap_or_default();
        let does = self.does.lock().get(slug).copied().unwrap_or(Does::Serve(Duration::ZERO));
        match does {
            Does::Serve(after) => tokio::time::sleep(after).await,
            Does::Hang => std::future::pending().await,
            Does::Fail => return Err(told(target).into()),
        }
        let handler = Handler { told: told(target) };
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let sessions = Arc::clone(&self.sessions);
        sessions.send_modify(|(opened, live)| (*opened, *live) = (*opened + 1, *live + 1));
        self.tasks.spawn(async move {
            if let Ok(serving) = handler.serve(theirs).await {
                drop(serving.waiting().await);
            }
            sessions.send_modify(|(_, live)| *live -= 1);
        });
        Client.serve(ours).await.map_err(|error| error.to_string().into())
    }
}

/// All that a server is sent in confidence.
fn told(target: &Target) -> String {
    let values: Vec<&str> = target.headers.values().filter_map(|value| value.to_str().ok()).collect();
    format!("{} refused [{}]", target.url, values.join(", "))
}

/// Tools for what can happen.
#[derive(Debug, Clone)]
struct Handler {
    told: String,
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = json!({"type": "object", "properties": {"text": {"type": "string"}}});
        let schema = Arc::new(schema.as_object().cloned().unwrap_or_default());
        let names = ["echo", "fail", "hang", "id", "refuse", "with.dot"];
        let tools = names.map(|name| Tool::new(name, format!("The tool {name}."), Arc::clone(&schema)));
        Ok(ListToolsResult::with_all_items(tools.to_vec()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let text = match &*request.name {
            "echo" | "with.dot" => arguments.to_string(),
            "fail" => return Ok(CallToolResult::error(vec![ContentBlock::text("it failed")]).into()),
            "leak" => {
                let mut result = CallToolResult::success(vec![ContentBlock::text(self.told.clone())]);
                result.structured_content = Some(json!({ "told": self.told }));
                result.is_error = arguments["is_error"].as_bool();
                return Ok(result.into());
            }
            "hang" => std::future::pending().await,
            "draw" => {
                let bytes = arguments["bytes"].as_u64().and_then(|bytes| usize::try_from(bytes).ok());
                let image = STANDARD.encode(vec![7; bytes.unwrap_or_default()]);
                return Ok(CallToolResult::success(vec![ContentBlock::image(image, "image/png")]).into());
            }
            "wait" => {
                let seconds = arguments["seconds"].as_u64().unwrap_or_default();
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                "waited".to_owned()
            }
            "id" => context.meta.get("chatmesh/tool_call_id").map(Value::to_string).unwrap_or_default(),
            _ => return Err(ErrorData::invalid_params("not with these arguments", None)),
        };
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }
}

/// Servers in memory.
#[derive(Debug)]
struct Kept {
    servers: Mutex<Vec<Server>>,
    granted: Arc<Granted>,
    is_away: Arc<AtomicBool>,
}

impl Kept {
    /// Waits as one does for a connection to a database that is not there.
    async fn reach(&self) {
        if self.is_away.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl ServerStore for Kept {
    async fn insert(&self, server: &Server, _: Option<Uuid>) -> Result<Inserted, DbError> {
        self.servers.lock().push(server.clone());
        Ok(Inserted::Created(server.clone()))
    }

    async fn find(&self, reference: &Reference) -> Result<Option<Server>, DbError> {
        self.reach().await;
        let is_meant = |server: &&Server| match reference {
            Reference::Id(id) => server.id.0 == *id,
            Reference::Slug(slug) => server.slug == *slug,
        };
        Ok(self.servers.lock().iter().find(is_meant).cloned())
    }

    async fn list(&self, only_enabled: bool, _: Option<ServerId>, _: u32) -> Result<Vec<Server>, DbError> {
        self.reach().await;
        Ok(self.servers.lock().iter().filter(|server| server.enabled || !only_enabled).cloned().collect())
    }

    async fn update(&self, server: &Server) -> Result<bool, DbError> {
        let mut servers = self.servers.lock();
        let kept = servers.iter_mut().find(|kept| kept.id == server.id && kept.version + 1 == server.version);
        Ok(kept.map(|kept| *kept = server.clone()).is_some())
    }

    async fn replace(&self, server: &Server) -> Result<Option<Vec<GrantRow>>, DbError> {
        Ok(self.update(server).await?.then(|| self.granted.forget_all(server.id)))
    }

    async fn delete(&self, id: ServerId) -> Result<Option<Vec<GrantRow>>, DbError> {
        let mut servers = self.servers.lock();
        let before = servers.len();
        servers.retain(|server| server.id != id);
        Ok((servers.len() < before).then(|| self.granted.forget_all(id)))
    }
}

/// Grants in memory.
#[derive(Debug, Default)]
pub(super) struct Granted {
    /// Those with nothing in them are forgotten.
    grants: Mutex<BTreeMap<(ServerId, UserId), GrantRow>>,
    logins: Mutex<Vec<LoginRow>>,
    /// How many of the next renewals cannot be written.
    pub(super) broken: Mutex<usize>,
}

impl Granted {
    fn forget_all(&self, server: ServerId) -> Vec<GrantRow> {
        self.logins.lock().retain(|login| login.server_id != server);
        let mut grants = self.grants.lock();
        let of_server = grants.values_mut().filter(|grant| grant.server_id == server && !grant.sealed.is_empty());
        let forget = |grant: &mut GrantRow| {
            let before = grant.clone();
            clear(grant);
            before
        };
        of_server.map(forget).collect()
    }
}

fn clear(grant: &mut GrantRow) {
    *grant = GrantRow { version: grant.version + 1, sealed: Vec::new(), renewing_until: None, ..grant.clone() };
}

#[async_trait]
impl GrantStore for Granted {
    async fn get(&self, server: ServerId, user: UserId) -> Result<Option<GrantRow>, DbError> {
        Ok(self.grants.lock().get(&(server, user)).filter(|grant| !grant.sealed.is_empty()).cloned())
    }

    async fn list(&self, user: UserId) -> Result<Vec<GrantRow>, DbError> {
        let grants = self.grants.lock();
        let is_good = |grant: &&GrantRow| grant.user_id == user && !grant.is_dead && !grant.sealed.is_empty();
        Ok(grants.values().filter(is_good).cloned().collect())
    }

    async fn put(&self, grant: &GrantRow) -> Result<(), DbError> {
        let mut grants = self.grants.lock();
        let key = (grant.server_id, grant.user_id);
        let version = grants.get(&key).map_or(grant.version, |before| before.version + 1);
        grants.insert(key, GrantRow { version, ..grant.clone() });
        Ok(())
    }

    async fn claim(&self, grant: &GrantRow, now: Timestamp, until: Timestamp) -> Result<bool, DbError> {
        let mut grants = self.grants.lock();
        let is_free = |kept: &&mut GrantRow| {
            let is_claimed = kept.renewing_until.is_some_and(|until| until > now);
            kept.version == grant.version && !kept.is_dead && !kept.sealed.is_empty() && !is_claimed
        };
        let kept = grants.get_mut(&(grant.server_id, grant.user_id)).filter(is_free);
        Ok(kept.map(|kept| kept.renewing_until = Some(until)).is_some())
    }

    async fn release(&self, grant: &GrantRow) -> Result<(), DbError> {
        let mut grants = self.grants.lock();
        let kept = grants.get_mut(&(grant.server_id, grant.user_id));
        if let Some(kept) = kept.filter(|kept| kept.version == grant.version) {
            kept.renewing_until = None;
        }
        Ok(())
    }

    async fn replace(&self, grant: &GrantRow) -> Result<bool, DbError> {
        let left = self.broken.lock().checked_sub(1);
        if let Some(left) = left {
            *self.broken.lock() = left;
            return Err(DbError::Schema("the database is broken".to_owned()));
        }
        let mut grants = self.grants.lock();
        let kept = grants.get_mut(&(grant.server_id, grant.user_id));
        let Some(kept) = kept.filter(|kept| kept.version + 1 == grant.version) else { return Ok(false) };
        *kept = GrantRow { renewing_until: None, ..grant.clone() };
        Ok(true)
    }

    async fn forget(&self, server: ServerId, user: UserId) -> Result<Option<GrantRow>, DbError> {
        let mut grants = self.grants.lock();
        let Some(kept) = grants.get_mut(&(server, user)) else { return Ok(None) };
        let forgotten = kept.clone();
        clear(kept);
        Ok((!forgotten.sealed.is_empty()).then_some(forgotten))
    }

    async fn insert_login(&self, login: &LoginRow, _: Timestamp) -> Result<(), DbError> {
        self.logins.lock().push(login.clone());
        Ok(())
    }

    async fn take_login(
        &self,
        id: Uuid,
        server: ServerId,
        user: UserId,
        not_before: Timestamp,
    ) -> Result<Option<LoginRow>, DbError> {
        let mut logins = self.logins.lock();
        let is_meant = |login: &LoginRow| {
            login.id == id && login.server_id == server && login.user_id == user && login.created_at >= not_before
        };
        let at = logins.iter().position(is_meant);
        Ok(at.map(|at| logins.remove(at)))
    }
}

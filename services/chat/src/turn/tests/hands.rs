//! Tools that do what a test tells them to.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_proto::tools::v1::tool_service_server::ToolService;
use chatmesh_proto::tools::v1::{
    CallToolRequest, CallToolResponse, DiscoverToolsRequest, DiscoverToolsResponse, ListToolsRequest,
    ListToolsResponse, WorkspaceContextState, WorkspaceToolsState,
};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::watch;
use tonic::{Request, Response, Status};

/// The names of the tools: one that looks, one that waits until it is let go, one that panics, one that says too much.
const NAMES: [&str; 4] = ["look", "wait", "crash", "shout"];
/// How much is too much.
pub(super) const SHOUT_BYTES: usize = 1024 * 1024;

/// Tools; clones are the same ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Hands(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The list never comes.
    list_hangs: AtomicBool,
    listed: AtomicUsize,
    /// What is known of the workspace, beside the tools of the mesh.
    workspace: Mutex<ListToolsResponse>,
    /// Whether the last list was asked for with skills known from before.
    asked_with_skills: AtomicBool,
    searched: Mutex<Vec<DiscoverToolsRequest>>,
    searching: AtomicUsize,
    /// What comes of searches, once something does.
    found: watch::Sender<Option<DiscoverToolsResponse>>,
    called: Mutex<Vec<CallToolRequest>>,
    /// The calls that may end.
    released: watch::Sender<HashSet<String>>,
}

/// Counts a search for as long as it lasts.
struct Searching<'a>(&'a AtomicUsize);

impl Drop for Searching<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hands {
    /// From now on the workspace says this of itself.
    pub(super) fn says(&self, state: WorkspaceContextState, context: &str, skill_index: &str) {
        let mut workspace = self.0.workspace.lock();
        workspace.workspace_context_state = state.into();
        context.clone_into(&mut workspace.workspace_context);
        skill_index.clone_into(&mut workspace.skill_index);
    }

    /// From now on the servers of the workspace have these tools.
    pub(super) fn serves(&self, state: WorkspaceToolsState, tools: &[&str]) {
        let mut workspace = self.0.workspace.lock();
        workspace.workspace_tools_state = state.into();
        workspace.tools = tools.iter().map(|name| definition(name)).collect();
    }

    /// From now on this comes of a search, of those that are on, too.
    pub(super) fn finds(&self, state: WorkspaceToolsState, reachable: bool) {
        self.0.found.send_replace(Some(DiscoverToolsResponse { workspace_tools_state: state.into(), reachable }));
    }

    /// From now on searches take their time.
    pub(super) fn finds_nothing_yet(&self) {
        self.0.found.send_replace(None);
    }

    /// The searches so far, and how many of them are on.
    pub(super) fn searches(&self) -> (usize, usize) {
        (self.0.searched.lock().len(), self.0.searching.load(Ordering::Relaxed))
    }

    /// What was searched for.
    pub(super) fn searched(&self) -> Vec<DiscoverToolsRequest> {
        self.0.searched.lock().clone()
    }

    /// Whether who asked last knew skills from before.
    pub(super) fn was_asked_with_skills(&self) -> bool {
        self.0.asked_with_skills.load(Ordering::Relaxed)
    }

    /// From now on nobody says which tools there are.
    pub(super) fn hide(&self) {
        self.0.list_hangs.store(true, Ordering::Relaxed);
    }

    /// How often somebody asked which tools there are.
    pub(super) fn listed(&self) -> usize {
        self.0.listed.load(Ordering::Relaxed)
    }

    /// The calls so far.
    pub(super) fn called(&self) -> Vec<CallToolRequest> {
        self.0.called.lock().clone()
    }

    /// The identifiers of the calls so far, in no order that counts.
    pub(super) fn call_ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.called().into_iter().map(|call| call.call_id).collect();
        ids.sort_unstable();
        ids
    }

    /// Lets a call end that waits.
    pub(super) fn release(&self, call_id: &str) {
        self.0.released.send_modify(|released| {
            released.insert(call_id.to_owned());
        });
    }
}

#[tonic::async_trait]
impl ToolService for Hands {
    async fn list_tools(&self, request: Request<ListToolsRequest>) -> Result<Response<ListToolsResponse>, Status> {
        self.0.asked_with_skills.store(request.get_ref().has_skills, Ordering::Relaxed);
        self.0.listed.fetch_add(1, Ordering::Relaxed);
        if self.0.list_hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let mut listed = self.0.workspace.lock().clone();
        listed.tools = NAMES.into_iter().map(definition).chain(listed.tools).collect();
        Ok(Response::new(listed))
    }

    async fn discover_tools(
        &self,
        request: Request<DiscoverToolsRequest>,
    ) -> Result<Response<DiscoverToolsResponse>, Status> {
        self.0.searching.fetch_add(1, Ordering::Relaxed);
        let _searching = Searching(&self.0.searching);
        self.0.searched.lock().push(request.into_inner());
        let mut found = self.0.found.subscribe();
        let found = found.wait_for(Option::is_some).await.expect("the sender lives").unwrap_or_default();
        Ok(Response::new(found))
    }

    async fn call_tool(&self, request: Request<CallToolRequest>) -> Result<Response<CallToolResponse>, Status> {
        let request = request.into_inner();
        self.0.called.lock().push(request.clone());
        let result = match request.name.as_str() {
            "look" | "srv__look" => json!({ "saw": request.call_id }),
            "wait" | "srv__wait" => {
                let mut released = self.0.released.subscribe();
                released.wait_for(|released| released.contains(&request.call_id)).await.expect("the sender lives");
                json!({ "waited": request.call_id })
            }
            "srv__lose" => return Err(Status::unavailable("the connection was lost")),
            "shout" => json!({ "said": "x".repeat(SHOUT_BYTES) }),
            name => panic!("the tool {name} crashes"),
        };
        Ok(Response::new(CallToolResponse { result: result.to_string(), is_error: false }))
    }
}

fn definition(name: &str) -> ToolDefinition {
    ToolDefinition {
        name: name.to_owned(),
        description: format!("{name}s"),
        input_schema: r#"{"type":"object"}"#.to_owned(),
        ..ToolDefinition::default()
    }
}

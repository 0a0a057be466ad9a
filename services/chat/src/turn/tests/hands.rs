//! Tools that do what a test tells them to.

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_stream::try_stream;
use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_proto::tools::v1::call_tool_response::Event;
use chatmesh_proto::tools::v1::tool_service_server::ToolService;
use chatmesh_proto::tools::v1::{
    CallToolRequest, CallToolResponse, CancelCallRequest, CancelCallResponse, DiscoverToolsRequest,
    DiscoverToolsResponse, ListToolsRequest, ListToolsResponse, SkillSummary, ToolAttachment, ToolOutcome,
    WorkspaceBound, WorkspaceContextState, WorkspaceSettled, WorkspaceToolsState,
};
use futures::Stream;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;
use tonic::{Request, Response, Status};

/// The names of the tools: one that looks, one that waits until it is let go, one that does the same for a command, one
/// that panics, one that says too much, one that gives a file to the chat, and two that make and stop a workspace.
pub(super) const NAMES: [&str; 8] =
    ["look", "wait", "execute", "crash", "shout", "attach_file", "create_workspace", "stop_workspace"];
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
    canceled: Mutex<Vec<CancelCallRequest>>,
    /// How many more calls are given up in vain.
    deaf: AtomicUsize,
    /// What the files say, by their paths; another thing from the next call on.
    files: Mutex<HashMap<String, Vec<Vec<u8>>>>,
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
        workspace.workspace_skills = skill_index.lines().filter_map(skill).collect();
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

    /// A file in the workspace. Each call reads the next of these contents, the last one stays.
    pub(super) fn has_file(&self, path: &str, contents: &[&[u8]]) {
        let contents = contents.iter().map(|content| content.to_vec()).collect();
        self.0.files.lock().insert(path.to_owned(), contents);
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

    /// The calls that were given up so far.
    pub(super) fn canceled(&self) -> Vec<CancelCallRequest> {
        self.0.canceled.lock().clone()
    }

    /// So many times it is not heard that a call is given up.
    pub(super) fn does_not_hear(&self, times: usize) {
        self.0.deaf.store(times, Ordering::Relaxed);
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
        let request = request.into_inner();
        let of_workspace = match listed.workspace_context_state() {
            WorkspaceContextState::Unreachable => &request.known_skills,
            _ => &listed.workspace_skills,
        };
        let lines = request.personal_skills.iter().chain(of_workspace);
        let lines = lines.map(|skill| format!("- {}: {}", skill.name, skill.description));
        listed.skill_index = lines.collect::<Vec<_>>().join("\n");
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

    async fn cancel_call(&self, request: Request<CancelCallRequest>) -> Result<Response<CancelCallResponse>, Status> {
        let deaf = &self.0.deaf;
        if deaf.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |times| times.checked_sub(1)).is_ok() {
            return Err(Status::unavailable("the replica is replaced"));
        }
        self.0.canceled.lock().push(request.into_inner());
        Ok(Response::new(CancelCallResponse { signaled: true, ..CancelCallResponse::default() }))
    }

    type CallToolStream = Events;

    async fn call_tool(&self, request: Request<CallToolRequest>) -> Result<Response<Events>, Status> {
        let request = request.into_inner();
        self.0.called.lock().push(request.clone());
        let attachment = ["attach_file", "srv__draw"].contains(&request.name.as_str()).then(|| self.read(&request));
        let result = match request.name.as_str() {
            "look" | "srv__look" | "read_skill" => json!({ "saw": request.call_id }),
            "wait" | "srv__wait" | "execute" => {
                let mut released = self.0.released.subscribe();
                released.wait_for(|released| released.contains(&request.call_id)).await.expect("the sender lives");
                json!({ "waited": request.call_id })
            }
            "srv__lose" => return Err(Status::unavailable("the connection was lost")),
            "attach_file" => json!({ "ok": true }),
            "srv__draw" => json!({ "success": true }),
            "shout" => json!({ "said": "x".repeat(SHOUT_BYTES) }),
            "create_workspace" | "stop_workspace" => return Ok(Response::new(self.change_workspace(request))),
            name => panic!("the tool {name} crashes"),
        };
        let outcome = ToolOutcome { result: result.to_string(), attachment, ..ToolOutcome::default() };
        Ok(Response::new(Box::pin(futures::stream::once(async { Ok(said(Event::Outcome(outcome))) }))))
    }
}

impl Hands {
    /// Reads the file that the arguments name; the tool that is there for that cannot do without.
    fn read(&self, request: &CallToolRequest) -> ToolAttachment {
        let args: Value = serde_json::from_str(&request.args).expect("JSON");
        let path = args["path"].as_str().expect("a path");
        let mut files = self.0.files.lock();
        let contents = files.get_mut(path).expect("a file");
        let data = if contents.len() > 1 { contents.remove(0) } else { contents[0].clone() };
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        let best_effort = request.name != "attach_file";
        ToolAttachment { name, media_type: String::new(), data: data.into(), best_effort }
    }

    /// Tells of the workspace and the build that the arguments name, waits until it is let go, tells of them again, and
    /// ends. Where the arguments say that it is late, it waits before it tells anything.
    fn change_workspace(&self, request: CallToolRequest) -> Events {
        let mut released = self.0.released.subscribe();
        Box::pin(try_stream! {
            let args: Value = serde_json::from_str(&request.args).expect("JSON");
            let text = |name: &str| args[name].as_str().unwrap_or_default().to_owned();
            let (workspace_id, build_id) = (text("workspace"), text("build"));
            let bound = WorkspaceBound { workspace_id: workspace_id.clone(), build_id: build_id.clone() };
            let is_released = |released: &HashSet<String>| released.contains(&request.call_id);
            if args["late"] == true {
                released.wait_for(is_released).await.expect("the sender lives");
            }
            yield said(Event::WorkspaceBound(bound));
            released.wait_for(is_released).await.expect("the sender lives");
            yield said(Event::WorkspaceSettled(WorkspaceSettled { workspace_id, build_id }));
            let result = json!({ "done": request.call_id }).to_string();
            yield said(Event::Outcome(ToolOutcome { result, ..ToolOutcome::default() }));
        })
    }
}

type Events = Pin<Box<dyn Stream<Item = Result<CallToolResponse, Status>> + Send>>;

fn said(event: Event) -> CallToolResponse {
    CallToolResponse { event: Some(event) }
}

/// A skill as a line of the list has it.
fn skill(line: &str) -> Option<SkillSummary> {
    let (name, description) = line.strip_prefix("- ")?.split_once(": ")?;
    Some(SkillSummary { name: name.to_owned(), description: description.to_owned() })
}

fn definition(name: &str) -> ToolDefinition {
    ToolDefinition {
        name: name.to_owned(),
        description: format!("{name}s"),
        input_schema: r#"{"type":"object"}"#.to_owned(),
        ..ToolDefinition::default()
    }
}

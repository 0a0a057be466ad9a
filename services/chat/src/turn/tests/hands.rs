//! Tools that do what a test tells them to.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_proto::tools::v1::tool_service_server::ToolService;
use chatmesh_proto::tools::v1::{CallToolRequest, CallToolResponse, ListToolsRequest, ListToolsResponse};
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
    called: Mutex<Vec<CallToolRequest>>,
    /// The calls that may end.
    released: watch::Sender<HashSet<String>>,
}

impl Hands {
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
    async fn list_tools(&self, _: Request<ListToolsRequest>) -> Result<Response<ListToolsResponse>, Status> {
        self.0.listed.fetch_add(1, Ordering::Relaxed);
        if self.0.list_hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let definition = |name: &str| ToolDefinition {
            name: name.to_owned(),
            description: format!("{name}s"),
            input_schema: r#"{"type":"object"}"#.to_owned(),
            ..ToolDefinition::default()
        };
        let tools = NAMES.into_iter().map(definition).collect();
        Ok(Response::new(ListToolsResponse { tools, workspace_context: String::new() }))
    }

    async fn call_tool(&self, request: Request<CallToolRequest>) -> Result<Response<CallToolResponse>, Status> {
        let request = request.into_inner();
        self.0.called.lock().push(request.clone());
        let result = match request.name.as_str() {
            "look" => json!({ "saw": request.call_id }),
            "wait" => {
                let mut released = self.0.released.subscribe();
                released.wait_for(|released| released.contains(&request.call_id)).await.expect("the sender lives");
                json!({ "waited": request.call_id })
            }
            "shout" => json!({ "said": "x".repeat(SHOUT_BYTES) }),
            name => panic!("the tool {name} crashes"),
        };
        Ok(Response::new(CallToolResponse { result: result.to_string(), is_error: false }))
    }
}

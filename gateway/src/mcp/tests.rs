//! The door with services behind it that say what they are told to say.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::Body;
use bytes::{BufMut as _, Bytes, BytesMut};
use chatmesh_core::SystemClock;
use chatmesh_proto::identity::v1::{ExchangeTokenResponse, GetMeResponse, User};
use chatmesh_proto::tools::v1::CallWorkspaceToolResponse;
use chatmesh_proto::workspaces::v1::{ListWorkspacesResponse, Workspace, WorkspaceStatus};
use chatmesh_rpc::assertion::ServiceSigner;
use chatmesh_rpc::client::Peer;
use chatmesh_rpc::{local, metadata};
use chatmesh_runtime::Tasks;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use parking_lot::Mutex;
use prost::Message;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::Mcp;
use crate::activity::Activity;
use crate::authenticate::Authenticator;
use crate::neighbours::Neighbours;
use crate::workspace::Access;

/// Who was asked what, and under which assertion.
type Heard = Arc<Mutex<Vec<(String, String)>>>;

/// A service that answers each method with a message.
fn service(heard: &Heard, answer: impl Fn(&str) -> Vec<u8> + Clone + Send + Sync + 'static) -> Peer {
    let heard = Arc::clone(heard);
    let secret = "a secret of at least thirty-two characters".into();
    let signer = ServiceSigner::new("gateway", &secret, Arc::new(SystemClock));
    let answering = local(tower::service_fn(move |request: Request<tonic::body::Body>| {
        let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        let assertion = request.headers().get(metadata::ASSERTION).and_then(|value| value.to_str().ok());
        heard.lock().push((method.clone(), assertion.unwrap_or_default().to_owned()));
        let message = answer(&method);
        let mut frame = BytesMut::with_capacity(message.len() + 5);
        frame.put_u8(0);
        frame.put_u32(u32::try_from(message.len()).expect("short"));
        frame.put_slice(&message);
        let trailers = HeaderMap::from_iter([("grpc-status".parse().expect("a name"), HeaderValue::from_static("0"))]);
        let body = Full::new(frame.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
        let response = Response::builder().header("content-type", "application/grpc");
        std::future::ready(Ok::<_, Infallible>(response.body(tonic::body::Body::new(body)).expect("a response")))
    }));
    Peer::new(answering, signer)
}

/// The door, the caller of which has these workspaces.
struct Door {
    router: axum::Router,
    heard: Heard,
}

impl Door {
    fn new(workspaces: Vec<Workspace>) -> Self {
        let heard = Heard::default();
        let exchanged = Arc::new(AtomicU32::new(0));
        let nobody = service(&heard, |_| Vec::new());
        let exchange = service(&Heard::default(), move |_| {
            let assertion = format!("assertion-{}", exchanged.fetch_add(1, Ordering::Relaxed));
            ExchangeTokenResponse { assertion, ..ExchangeTokenResponse::default() }.encode_to_vec()
        });
        let identity = service(&heard, |_| {
            let user = User { name: "ann".to_owned(), ..User::default() };
            GetMeResponse { user: Some(user) }.encode_to_vec()
        });
        let workspaces = service(&heard, move |_| {
            ListWorkspacesResponse { workspaces: workspaces.clone(), ..ListWorkspacesResponse::default() }
                .encode_to_vec()
        });
        let tools = service(&heard, |_| {
            CallWorkspaceToolResponse { result: r#"{"output":"hello"}"#.to_owned(), is_error: false }.encode_to_vec()
        });
        let neighbours = Neighbours {
            activity: nobody.clone(),
            exchange: exchange.clone(),
            chat: nobody.clone(),
            identity,
            llm: nobody.clone(),
            relay: nobody,
            tools,
            workspaces,
        };
        let access = Access::new(&neighbours, Tasks::default(), Activity::default());
        Self { router: Mcp::new(&neighbours, access).router(Authenticator::new(exchange)), heard }
    }

    /// Calls a tool; returns what is said.
    async fn call(&self, tool: &str, arguments: Value) -> String {
        let call = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments},
        });
        let request = Request::post("/mcp")
            .header("host", "mesh")
            .header("authorization", "Bearer token")
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .header("mcp-protocol-version", "2025-06-18")
            .body(Body::from(call.to_string()))
            .expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let body: Bytes = response.into_body().collect().await.expect("read").to_bytes();
        let answer: Value = serde_json::from_slice(&body).unwrap_or_else(|_| panic!("{body:?}"));
        answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

fn workspace(name: &str, status: WorkspaceStatus) -> Workspace {
    Workspace { id: format!("id of {name}"), name: name.to_owned(), status: status.into(), ..Workspace::default() }
}

/// An assertion lives for a minute, and a start takes longer on many clusters: the command that comes after it is run under
/// one that was made then.
#[tokio::test]
async fn a_command_after_a_start_is_run_under_an_assertion_that_was_made_after_it() {
    let door = Door::new(vec![workspace("demo", WorkspaceStatus::Stopped)]);
    let said = door.call("workspace_bash", json!({"workspace": "demo", "command": "echo hello"})).await;
    assert!(said.contains("hello"), "{said}");
    let heard: Vec<_> = door.heard.lock().iter().map(|(method, who)| format!("{method} {who}")).collect();
    let expected = [
        "ListWorkspaces assertion-0",
        "CallWorkspaceTool assertion-0",
        "ListWorkspaces assertion-1",
        "CallWorkspaceTool assertion-1",
    ];
    assert_eq!(heard, expected, "a start, and then the command");
}

#[tokio::test]
async fn a_command_in_a_workspace_that_runs_asks_once_who_calls() {
    let door = Door::new(vec![workspace("demo", WorkspaceStatus::Running)]);
    door.call("workspace_bash", json!({"workspace": "demo", "command": "echo hello"})).await;
    assert!(door.heard.lock().iter().all(|(_, who)| who == "assertion-0"), "{:?}", door.heard);
}

#[tokio::test]
async fn a_workspace_is_found_by_its_name_before_that_is_taken_apart() {
    let running = WorkspaceStatus::Running;
    let door = Door::new(vec![workspace("my--demo", running), workspace("demo", running)]);
    for (name, id) in [
        ("my--demo", Ok("id of my--demo")),
        ("demo", Ok("id of demo")),
        ("ann--demo", Ok("id of demo")),
        ("ann--my--demo", Ok("id of my--demo")),
        ("me/my--demo", Ok("id of my--demo")),
        ("bob--demo", Err("is of another user: you are `ann`")),
        ("ann--none", Err("workspace `none` not found: you have my--demo, demo")),
        ("none", Err("workspace `none` not found")),
    ] {
        let said = door.call("get_workspace", json!({ "workspace": name })).await;
        let (Ok(expected) | Err(expected)) = id;
        assert!(said.contains(expected), "{name}: {said}");
    }
}

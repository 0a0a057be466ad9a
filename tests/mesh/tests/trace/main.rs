//! One trace leads from a client's request through every service to a command in a workspace,
//! across processes.

mod spans;

use chatmesh_mesh_tests::{Client, Collector, Program};
use reqwest::header::HeaderName;
use serde_json::json;
use spans::Trace;

/// What the client says of itself.
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT_SPAN_ID: &str = "00f067aa0ba902b7";

/// What a turn with a tool passes, from the command back to the request: of the spans above
/// another one, these must be among them in this order.
const WAY_BACK: [&str; 10] = [
    "process.run",
    "chatmesh.agent.v1.ProcessService/StartProcess",
    "relay.forward",
    "tool.execute",
    "chatmesh.tools.v1.ToolService/CallTool",
    "chat.tool",
    "chat.step",
    "chat.turn",
    "chatmesh.chat.v1.ChatService/CreateChat",
    "http.server",
];
/// The same from the call of the provider.
const WAY_BACK_FROM_MODEL: [&str; 6] =
    ["llm.call", "chatmesh.llm.v1.LlmService/Generate", "llm.generate", "chat.step", "chat.turn", "http.server"];

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_connects_a_request_with_the_command_that_it_leads_to() {
    let collector = Collector::start().await;
    let mesh = Program::start(&[("CHATMESH_TELEMETRY__OTLP_ENDPOINT", collector.endpoint())]).await;
    let client = Client::new(mesh.url(), mesh.admin_token());
    let workspace = client.workspace("traced").await;

    let body = json!({"content": [{"text": "Look around."}], "workspace_id": workspace});
    let traceparent = format!("00-{TRACE_ID}-{CLIENT_SPAN_ID}-01");
    let header = (HeaderName::from_static("traceparent"), traceparent.parse().expect("a value"));
    let chat = client.with_header(header).post("/api/v1/chats", &body).await.ok();
    let id = chat["id"].as_str().expect("an id");
    client.settled(id, "CHAT_STATUS_WAITING").await;
    // Whoever ends in order sends the rest of its spans before.
    mesh.stop().await;

    let trace = Trace::of(&collector, TRACE_ID);
    trace.print();
    trace.assert_whole(CLIENT_SPAN_ID);
    trace.assert_way_back(&WAY_BACK);
    trace.assert_way_back(&WAY_BACK_FROM_MODEL);
    assert_eq!(services(&trace), ["chatmesh", "chatmesh-agent"], "both processes take part");
    assert_eq!(trace.service_of("process.run"), "chatmesh-agent");
}

fn services(trace: &Trace) -> Vec<String> {
    let mut services: Vec<String> = trace.spans().map(|span| span.service.clone()).collect();
    services.sort_unstable();
    services.dedup();
    services
}

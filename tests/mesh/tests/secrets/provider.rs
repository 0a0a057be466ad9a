//! A provider that gives everything away: it says in bodies, headers and events what it was called
//! with, and further secrets of its own.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use futures::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A secret that is nobody's key: of some other customer, in an error that should not have said it.
const FOREIGN: &str = "sk-proj-canary-of-another-0123456789abcdef";

/// The largest request.
const MAX_BYTES: usize = 1 << 20;

/// What a model does.
pub(crate) const MODELS: [&str; 6] = ["refuse", "invalid", "fail", "limit", "break", "answer"];

/// The provider; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Provider {
    base_url: String,
    _server: JoinSet<()>,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base_url = format!("http://{}", listener.local_addr().expect("an address"));
        let mut server = JoinSet::new();
        server.spawn(async move {
            axum::serve(listener, Router::new().fallback(answer)).await.expect("the provider serves");
        });
        Self { base_url, _server: server }
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }
}

async fn answer(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MAX_BYTES).await.expect("a body");
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let path = parts.uri.path();
    // Bedrock and Gemini have the model in the path.
    let model = MODELS.iter().find(|model| asked["model"] == **model || path.contains(**model)).unwrap_or(&"refuse");
    let said = said(&parts.headers);
    let (status, body) = match *model {
        "refuse" => (StatusCode::UNAUTHORIZED, error(path, "authentication_error", &said)),
        "invalid" => (StatusCode::BAD_REQUEST, error(path, "invalid_request_error", &said)),
        "fail" => (StatusCode::INTERNAL_SERVER_ERROR, error(path, "api_error", &said)),
        "limit" => (StatusCode::TOO_MANY_REQUESTS, error(path, "rate_limit_error", &said)),
        // An answer may speak of the keys of others, where that is what was asked for.
        _ if asked["stream"] != true => (StatusCode::OK, json!({"called_with": keys(&parts.headers)}).to_string()),
        _ => return streamed(path, *model == "break", &said),
    };
    respond(status, "application/json", Body::from(body), &said)
}

/// What it says of a call where it says something.
fn said(headers: &HeaderMap) -> String {
    format!("Incorrect API key provided: {}. You may have meant {FOREIGN}.", keys(headers))
}

/// The values of all headers that carry keys.
fn keys(headers: &HeaderMap) -> String {
    let named = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
    let values = named.iter().filter_map(|name| headers.get(*name)?.to_str().ok());
    let values: Vec<&str> = values.map(|value| value.trim_start_matches("Bearer ")).collect();
    values.join(", ")
}

fn error(path: &str, kind: &str, said: &str) -> String {
    if path.ends_with("/messages") {
        return json!({"type": "error", "error": {"type": kind, "message": said}}).to_string();
    }
    json!({"error": {"message": said, "type": kind, "code": kind, "param": null}}).to_string()
}

fn respond(status: StatusCode, media_type: &'static str, body: Body, said: &str) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static(media_type));
    for name in ["x-request-id", "request-id", "x-debug", "set-cookie", "www-authenticate"] {
        let name = HeaderName::from_static(name);
        headers.insert(name, HeaderValue::try_from(said).expect("a value"));
    }
    response
}

/// An answer whose first words are harmless. Then it ends, or breaks with an error.
fn streamed(path: &str, breaks: bool, said: &str) -> Response {
    let events: Vec<String> = if path.ends_with("/messages") {
        messages(breaks, said)
    } else if path.ends_with("/responses") {
        responses(breaks, said)
    } else {
        chat(breaks, said)
    };
    let frames = events.into_iter().map(|event| Ok::<_, std::convert::Infallible>(Bytes::from(event)));
    respond(StatusCode::OK, "text/event-stream", Body::from_stream(stream::iter(frames)), said)
}

fn named(event: &Value) -> String {
    format!("event: {}\ndata: {event}\n\n", event["type"].as_str().expect("a type"))
}

fn messages(breaks: bool, said: &str) -> Vec<String> {
    let message = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "answer", "content": [], "stop_reason": null,
        "usage": {"input_tokens": 3, "output_tokens": 1},
    });
    let mut events = vec![
        json!({"type": "message_start", "message": message}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello."}}),
    ];
    if breaks {
        events.push(json!({"type": "error", "error": {"type": "api_error", "message": said}}));
    } else {
        events.push(json!({"type": "content_block_stop", "index": 0}));
        let usage = json!({"output_tokens": 3});
        events.push(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}));
        events.push(json!({"type": "message_stop"}));
    }
    events.iter().map(named).collect()
}

fn chat(breaks: bool, said: &str) -> Vec<String> {
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        let chunk =
            json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "answer", "choices": [choice]});
        format!("data: {chunk}\n\n")
    };
    let mut events = vec![chunk(json!({"role": "assistant", "content": "Hello."}), Value::Null)];
    if breaks {
        let error = json!({"error": {"message": said, "type": "server_error", "code": 500}});
        events.push(format!("data: {error}\n\n"));
    } else {
        events.push(chunk(json!({}), json!("stop")));
        events.push("data: [DONE]\n\n".to_owned());
    }
    events
}

fn responses(breaks: bool, said: &str) -> Vec<String> {
    let response = |status: &str, output: Value| {
        json!({
            "id": "resp_1", "object": "response", "created_at": 1, "status": status, "model": "answer",
            "output": output, "usage": {"input_tokens": 3, "output_tokens": 3, "total_tokens": 6},
        })
    };
    let begun = json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": []});
    let part = json!({"type": "output_text", "text": "Hello.", "annotations": []});
    let item = json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]});
    let at = json!({"item_id": "msg_1", "output_index": 0, "content_index": 0});
    let with = |kind: &str, more: Value| {
        let mut event = at.clone();
        event["type"] = json!(kind);
        for (name, value) in more.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
        event
    };
    let empty = json!({"type": "output_text", "text": "", "annotations": []});
    let mut events = vec![
        json!({"type": "response.created", "response": response("in_progress", json!([]))}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": begun}),
        with("response.content_part.added", json!({"part": empty})),
        with("response.output_text.delta", json!({"delta": "Hello."})),
    ];
    if breaks {
        let mut failed = response("failed", json!([]));
        failed["error"] = json!({"code": "server_error", "message": said});
        events.push(json!({"type": "response.failed", "response": failed}));
    } else {
        events.push(with("response.output_text.done", json!({"text": "Hello."})));
        events.push(json!({"type": "response.output_item.done", "output_index": 0, "item": item}));
        events.push(json!({"type": "response.completed", "response": response("completed", json!([item]))}));
    }
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = json!(number);
    }
    events.iter().map(named).collect()
}

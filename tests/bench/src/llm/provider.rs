//! A provider that answers at once: Chat Completions, Responses and Messages, whole and streamed.

use std::convert::Infallible;

use bytes::Bytes;
use futures::stream;
use http_body_util::{BodyExt as _, Either, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::stamp::Clock;

/// The model that it knows.
pub(super) const MODEL: &str = "mock";

/// A provider; it ends when it is dropped.
#[derive(Debug)]
pub(super) struct Provider {
    base_url: String,
    _tasks: JoinSet<()>,
}

impl Provider {
    /// Starts a provider whose streamed answers have so many pieces.
    pub(super) async fn start(clock: Clock, pieces: usize) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base_url = format!("http://{}/v1", listener.local_addr()?);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                // Where it cannot be set, that is seen in the figures.
                let _ = socket.set_nodelay(true);
                let service = service_fn(move |request| answer(clock, pieces, request));
                let connection = hyper::server::conn::http1::Builder::new();
                let connection = connection.serve_connection(TokioIo::new(socket), service);
                connections.spawn(async move {
                    // A proxy may close its connections when it likes.
                    let _ = connection.await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { base_url, _tasks: tasks })
    }

    /// The address with the version in it.
    pub(super) fn base_url(&self) -> &str {
        &self.base_url
    }
}

type Body = Either<Full<Bytes>, http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>>;

async fn answer(clock: Clock, pieces: usize, request: Request<Incoming>) -> anyhow::Result<Response<Body>> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await?.to_bytes();
    let is_stream = serde_json::from_slice::<Asked>(&body)?.stream;
    let protocol = match path.as_str() {
        "/v1/chat/completions" => Protocol { whole: chat, frames: chat_frames },
        "/v1/responses" => Protocol { whole: responses, frames: responses_frames },
        "/v1/messages" => Protocol { whole: messages, frames: messages_frames },
        _ => {
            let mut response = Response::new(Either::Left(Full::from(format!("there is no {path}"))));
            *response.status_mut() = StatusCode::NOT_FOUND;
            return Ok(response);
        }
    };
    let (media_type, body) = if is_stream {
        ("text/event-stream", Either::Right(streamed(clock, (protocol.frames)(pieces)).boxed_unsync()))
    } else {
        ("application/json", Either::Left(Full::from((protocol.whole)(&clock.stamp()).to_string())))
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    Ok(response)
}

/// How answers are written.
struct Protocol {
    whole: fn(&str) -> Value,
    frames: fn(usize) -> Frames,
}

#[derive(serde::Deserialize)]
struct Asked {
    #[serde(default)]
    stream: bool,
}

/// The frames of a stream; `@;` in one stands for the time, and `@@` for all times so far.
type Frames = Vec<String>;

/// Each frame is written by itself, as a model's pieces are.
fn streamed(clock: Clock, frames: Frames) -> StreamBody<impl futures::Stream<Item = Result<Frame<Bytes>, Infallible>>> {
    let frames = stream::unfold((frames.into_iter(), String::new()), move |(mut frames, mut said)| async move {
        let mut frame = frames.next()?;
        // What was written before goes out first.
        tokio::task::yield_now().await;
        if frame.contains("@;") {
            let stamp = clock.stamp();
            said.push_str(&stamp);
            frame = frame.replace("@;", &stamp);
        } else if frame.contains("@@") {
            frame = frame.replace("@@", &said);
        }
        Some((Ok(Frame::data(Bytes::from(frame))), (frames, said)))
    });
    StreamBody::new(frames)
}

fn chat(text: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": MODEL,
        "choices": [{
            "index": 0, "finish_reason": "stop", "logprobs": null,
            "message": {"role": "assistant", "content": text, "refusal": null},
        }],
        "usage": {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30},
    })
}

fn chat_frames(pieces: usize) -> Frames {
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        let chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": MODEL,
            "choices": [choice], "usage": null,
        });
        format!("data: {chunk}\n\n")
    };
    let usage = json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": MODEL, "choices": [],
        "usage": {"prompt_tokens": 10, "completion_tokens": pieces, "total_tokens": 10 + pieces},
    });
    let mut frames = vec![chunk(json!({"role": "assistant", "content": ""}), Value::Null)];
    frames.extend(vec![chunk(json!({"content": "@;"}), Value::Null); pieces]);
    frames.push(chunk(json!({}), json!("stop")));
    frames.push(format!("data: {usage}\n\n"));
    frames.push("data: [DONE]\n\n".to_owned());
    frames
}

fn responses_head(status: &str, output: &Value) -> Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 1_700_000_000, "status": status, "model": MODEL,
        "output": output, "parallel_tool_calls": true, "tools": [], "error": null, "incomplete_details": null,
        "usage": {
            "input_tokens": 10, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 20, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 30,
        },
    })
}

fn responses_item(text: &str) -> Value {
    json!({
        "type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    })
}

fn responses(text: &str) -> Value {
    responses_head("completed", &json!([responses_item(text)]))
}

fn responses_frames(pieces: usize) -> Frames {
    let mut frames = Frames::new();
    let mut frame = |kind: &str, mut event: Value| {
        event["type"] = json!(kind);
        event["sequence_number"] = json!(frames.len());
        frames.push(format!("event: {kind}\ndata: {event}\n\n"));
    };
    let at = |mut event: Value| {
        event["item_id"] = json!("msg_1");
        event["output_index"] = json!(0);
        event["content_index"] = json!(0);
        event
    };
    frame("response.created", json!({"response": responses_head("in_progress", &json!([]))}));
    let begun = json!({"type": "message", "id": "msg_1", "status": "in_progress", "role": "assistant", "content": []});
    frame("response.output_item.added", json!({"output_index": 0, "item": begun}));
    let part = json!({"type": "output_text", "text": "", "annotations": []});
    frame("response.content_part.added", at(json!({"part": part})));
    for _ in 0..pieces {
        frame("response.output_text.delta", at(json!({"delta": "@;"})));
    }
    frame("response.output_text.done", at(json!({"text": "@@"})));
    frame("response.output_item.done", json!({"output_index": 0, "item": responses_item("@@")}));
    frame("response.completed", json!({"response": responses("@@")}));
    frames
}

fn messages(text: &str) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": MODEL,
        "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
        "usage": {"input_tokens": 10, "output_tokens": 20},
    })
}

fn messages_frames(pieces: usize) -> Frames {
    let frame = |event: Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default());
    let mut message = messages("");
    message["content"] = json!([]);
    message["stop_reason"] = Value::Null;
    let delta = json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "@;"}});
    let end = json!({
        "type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
        "usage": {"output_tokens": pieces},
    });
    let mut frames = vec![
        frame(json!({"type": "message_start", "message": message})),
        frame(json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})),
    ];
    frames.extend(vec![frame(delta); pieces]);
    frames.push(frame(json!({"type": "content_block_stop", "index": 0})));
    frames.push(frame(end));
    frames.push(frame(json!({"type": "message_stop"})));
    frames
}

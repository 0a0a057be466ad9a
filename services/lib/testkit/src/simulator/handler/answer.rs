//! What is sent: a script's step, a recorded response, or an error.

use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use serde_json::{Value, json};

use crate::recordings::RecordedResponse;
use crate::simulator::Shared;
use crate::simulator::conversation::Conversation;
use crate::simulator::dialect::Dialect;
use crate::simulator::library::Planned;
use crate::simulator::playback::Beat;
use crate::simulator::refusal::Refusal;
use crate::simulator::script::Fault;
use crate::simulator::stored::input_items;
use crate::simulator::wire::{self, Answer};

const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";
const JSON: &str = "application/json";

/// A response before it is cut into chunks and played.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) beats: Vec<Beat>,
    /// The time before the response begins.
    pub(super) first_delay: Duration,
    /// Closes the connection instead of responding.
    pub(super) is_dropped: bool,
}

impl Reply {
    fn new(status: u16, content_type: &str, beats: Vec<Beat>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self { status, headers, beats, first_delay: Duration::ZERO, is_dropped: false }
    }

    fn json(status: u16, body: &Value) -> Self {
        Self::new(status, JSON, vec![send(body.to_string())])
    }

    /// An error in the provider's words.
    pub(super) fn refused(dialect: Dialect, refusal: &Refusal) -> Self {
        Self::json(refusal.status, &dialect.error_body(refusal))
    }

    /// How many tokens a prompt has.
    pub(super) fn counted(tokens: u64) -> Self {
        Self::json(200, &json!({ "input_tokens": tokens }))
    }

    /// The answer to what no provider has.
    pub(super) fn unknown(head: &Parts) -> Self {
        let message = format!("the simulator has no answer to {} {}", head.method, head.uri.path());
        Self::json(404, &json!({"error": {"message": message, "type": "not_found_error"}}))
    }

    /// A recorded response, as it was.
    pub(super) fn recorded(response: &RecordedResponse) -> Self {
        let beats = vec![Beat::Send(response.body.clone())];
        Self::new(response.status, response.content_type(), beats)
    }
}

/// The answer of a script, or `None` for a model without one.
pub(super) fn scripted(shared: &Shared, dialect: Dialect, body: &Value) -> Option<Reply> {
    let conversation = Conversation::read(dialect, body);
    let planned = shared.library.plan(&conversation)?;
    let answer = Answer {
        model: &conversation.model,
        number: planned.number,
        step: &planned.step,
        usage: planned.usage,
        request: body,
        include_usage: body["stream_options"]["include_usage"] == true,
    };
    let mut reply = match as_http_error(dialect, conversation.stream, planned.fault.as_ref()) {
        Some(error) => error,
        None if conversation.stream => {
            let events = streamed(dialect, &answer);
            Reply::new(200, EVENT_STREAM, break_off(dialect, events, planned.fault.as_ref()))
        }
        None => {
            let events = halves(&wire::unary(dialect, &answer));
            Reply::new(200, JSON, break_off(dialect, events, planned.fault.as_ref()))
        }
    };
    // A provider keeps what it gave out to its end.
    if dialect == Dialect::Responses && planned.fault.is_none() && wire::is_stored(body) {
        let mut items = input_items(&body["input"]);
        items.extend(wire::output(&answer));
        shared.stored.keep(wire::response_id(&answer), items);
    }
    reply.headers.push(request_id(dialect, &planned));
    reply.first_delay = Duration::from_millis(planned.step.first_delay_ms);
    reply.is_dropped = matches!(planned.fault, Some(Fault::Drop));
    Some(reply)
}

fn request_id(dialect: Dialect, planned: &Planned) -> (String, String) {
    let name = match dialect {
        Dialect::Anthropic => "request-id",
        Dialect::Chat | Dialect::Responses => "x-request-id",
    };
    (name.to_owned(), format!("req_sim_{}", planned.number))
}

/// The error response of a fault that is one; a unary call has no stream for its errors.
fn as_http_error(dialect: Dialect, is_stream: bool, fault: Option<&Fault>) -> Option<Reply> {
    match fault? {
        Fault::Status { status, headers, body } => {
            let message = format!("scripted error {status}");
            let refusal = Refusal::new(*status, dialect.error_kind(*status), message);
            let body = body.clone().unwrap_or_else(|| dialect.error_body(&refusal));
            let mut reply = Reply::json(*status, &body);
            reply.headers.extend(headers.clone());
            Some(reply)
        }
        Fault::ContextOverflow => Some(Reply::refused(dialect, &dialect.context_overflow())),
        Fault::StreamError { kind, message, .. } if !is_stream => {
            let refusal = Refusal::new(dialect.error_status(kind), kind, message.as_str());
            Some(Reply::refused(dialect, &refusal))
        }
        _ => None,
    }
}

/// Events, each with the pause before it.
fn streamed(dialect: Dialect, answer: &Answer<'_>) -> Vec<Vec<Beat>> {
    let delta_delay = Duration::from_millis(answer.step.delta_delay_ms);
    let events = wire::stream(dialect, answer).into_iter();
    let with_pause = |event: wire::WireEvent| match event.is_delta && !delta_delay.is_zero() {
        true => vec![Beat::Wait(delta_delay), send(event.bytes)],
        false => vec![send(event.bytes)],
    };
    events.map(with_pause).collect()
}

fn halves(body: &Value) -> Vec<Vec<Beat>> {
    let mut first = Bytes::from(body.to_string());
    let second = first.split_off(first.len() / 2);
    vec![vec![Beat::Send(first)], vec![Beat::Send(second)]]
}

/// Replaces the events after a fault by what the fault does.
fn break_off(dialect: Dialect, events: Vec<Vec<Beat>>, fault: Option<&Fault>) -> Vec<Beat> {
    let (kept, accident) = match fault {
        None | Some(Fault::Status { .. } | Fault::ContextOverflow | Fault::Drop) => (events.len(), None),
        Some(Fault::StreamError { after_events, kind, message }) => {
            (*after_events, Some(send(wire::error_event(dialect, kind, message))))
        }
        Some(Fault::Cut { after_events }) => (*after_events, Some(Beat::Cut)),
        Some(Fault::Reset { after_events, reason }) => (*after_events, Some(Beat::Reset((*reason).into()))),
        Some(Fault::Truncate { after_events }) => (*after_events, None),
        Some(Fault::Stall { after_events }) => (*after_events, Some(Beat::Stall)),
        Some(Fault::Malformed { after_events, bytes }) => (*after_events, Some(send(bytes.clone()))),
    };
    events.into_iter().take(kept).flatten().chain(accident).collect()
}

fn send(text: String) -> Beat {
    Beat::Send(Bytes::from(text))
}

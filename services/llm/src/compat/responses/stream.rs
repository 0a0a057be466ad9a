//! Writes an answer as the events of a response, and keeps its items: the last event repeats them.

use bytes::{Bytes, BytesMut};
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{FinishReason, GenerationError, Part, Source, ToolCall, ToolResult};
use chatmesh_proto::llm::v1::Finish;
use serde::Serialize;
use serde_json::value::RawValue;

use super::items::{
    Content, Item, OWN, Summary, action, annotation, encrypted, image, is_native_result, native, native_annotations,
    rider,
};
use crate::codec::Event;
use crate::compat::carried::Carried;
use crate::compat::search::WEB_SEARCH;
use crate::compat::sequence::{Blocks, Sequence};
use crate::compat::usage::ResponsesUsage;
use crate::compat::wire::{json, json_text, number, put, rest_of};
use crate::compat::{Echo, Streamer, broken, errors};

/// A stream that is being written.
#[derive(Debug)]
pub(in crate::compat) struct Stream {
    is_started: bool,
    is_ended: bool,
    sequence: Sequence,
    writer: Writer,
}

/// The answer as one document: what the last event of the stream would hold.
pub(in crate::compat) fn whole(echo: Echo, events: impl Iterator<Item = Event>) -> Result<Bytes, GenerationError> {
    let mut stream = Stream::new(echo);
    let mut unread = BytesMut::new();
    for event in events {
        match event {
            Event::Error(error) => return Err(error),
            Event::Finish(finish) => {
                stream.writer.release(&mut unread);
                let mut out = BytesMut::new();
                stream.writer.response(&Ending::of(&finish), &mut out);
                return Ok(out.freeze());
            }
            event => stream.push(event, &mut unread),
        }
        unread.clear();
    }
    Err(broken("the answer has no end"))
}

/// How a response stands.
struct Ending {
    status: &'static str,
    incomplete: Option<&'static str>,
    usage: Option<ResponsesUsage>,
    error: Option<Failed>,
}

#[derive(Serialize)]
struct Failed {
    code: &'static str,
    message: String,
}

impl Ending {
    fn of(finish: &Finish) -> Self {
        let incomplete = match finish.reason() {
            FinishReason::Length => Some("max_output_tokens"),
            FinishReason::ContentFilter => Some("content_filter"),
            _ => None,
        };
        let status = if incomplete.is_some() { "incomplete" } else { "completed" };
        Self { status, incomplete, usage: finish.usage.as_ref().map(ResponsesUsage::of), error: None }
    }

    fn failed(error: &GenerationError) -> Self {
        let error = Failed { code: errors::responses_code(error), message: errors::sentence(error) };
        Self { status: "failed", incomplete: None, usage: None, error: Some(error) }
    }

    fn begun() -> Self {
        Self { status: "in_progress", incomplete: None, usage: None, error: None }
    }
}

impl Stream {
    pub(in crate::compat) fn new(echo: Echo) -> Self {
        Self { is_started: false, is_ended: false, sequence: Sequence::default(), writer: Writer::new(echo) }
    }

    fn start(&mut self, out: &mut BytesMut) {
        if !std::mem::replace(&mut self.is_started, true) {
            for kind in ["response.created", "response.in_progress"] {
                self.writer.lifecycle(kind, &Ending::begun(), out);
            }
        }
    }

    fn fail(&mut self, error: &GenerationError, out: &mut BytesMut) {
        if self.is_started {
            return self.writer.lifecycle("response.failed", &Ending::failed(error), out);
        }
        self.writer.head("error", out);
        put(out, ",\"code\":");
        json(out, errors::responses_code(error));
        put(out, ",\"message\":");
        json(out, &errors::sentence(error));
        put(out, ",\"param\":null}\n\n");
    }
}

impl Streamer for Stream {
    fn push(&mut self, event: Event, out: &mut BytesMut) {
        if self.is_ended {
            return;
        }
        match event {
            Event::ResponseStarted(_) => self.start(out),
            Event::PartStarted(started) => {
                self.start(out);
                self.sequence.start(started, &mut self.writer, out);
            }
            Event::PartDelta(delta) => self.sequence.piece(&delta, &mut self.writer, out),
            Event::PartFinished(finished) => self.sequence.finish(finished, &mut self.writer, out),
            Event::Finish(finish) => {
                self.is_ended = true;
                self.start(out);
                self.writer.release(out);
                let ending = Ending::of(&finish);
                let kind = if ending.incomplete.is_some() { "response.incomplete" } else { "response.completed" };
                self.writer.lifecycle(kind, &ending, out);
            }
            Event::Error(error) => {
                self.is_ended = true;
                self.fail(&error, out);
            }
            Event::Warning(_) | Event::Heartbeat(_) => {}
        }
    }

    fn alive(&mut self, out: &mut BytesMut) {
        if !self.is_ended {
            put(out, ": still working\n\n");
        }
    }
}

/// Writes items, one after the other.
#[derive(Debug)]
struct Writer {
    echo: Echo,
    /// The number of the next event.
    number: u64,
    /// The complete items, JSON.
    items: Vec<String>,
    /// The identifier of the open item, as JSON; empty where none is open.
    open: String,
    kind: Kind,
    /// Bytes of the open part that were written.
    sent: usize,
    has_reasoned: bool,
    held: Option<Held>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    None,
    Text,
    Reasoning,
    Call,
}

/// An item that is complete but for what may follow it.
#[derive(Debug)]
enum Held {
    /// A text, whose sources may follow.
    Text { text: String, annotations: Vec<Box<RawValue>>, is_cited: bool, rider: Option<String> },
    /// A search, whose result may follow.
    Search { item: String, call_id: String, rider: Option<String> },
}

impl Writer {
    fn new(echo: Echo) -> Self {
        Self {
            echo,
            number: 0,
            items: Vec::new(),
            open: String::new(),
            kind: Kind::None,
            sent: 0,
            has_reasoned: false,
            held: None,
        }
    }

    /// Begins an event: everything up to its number.
    fn head(&mut self, kind: &str, out: &mut BytesMut) {
        put(out, "event: ");
        put(out, kind);
        put(out, "\ndata: {\"type\":\"");
        put(out, kind);
        put(out, "\",\"sequence_number\":");
        number(out, self.number);
        self.number += 1;
    }

    /// Begins an event about the open item.
    fn item_head(&mut self, kind: &str, out: &mut BytesMut) {
        self.head(kind, out);
        put(out, ",\"output_index\":");
        number(out, self.items.len() as u64);
        put(out, ",\"item_id\":");
        put(out, &self.open);
    }

    fn lifecycle(&mut self, kind: &str, ending: &Ending, out: &mut BytesMut) {
        self.head(kind, out);
        put(out, ",\"response\":");
        self.response(ending, out);
        put(out, "}\n\n");
    }

    fn response(&self, ending: &Ending, out: &mut BytesMut) {
        put(out, "{\"id\":\"resp_");
        put(out, &self.echo.id);
        put(out, "\",\"object\":\"response\",\"created_at\":");
        json(out, &self.echo.created);
        put(out, ",\"status\":\"");
        put(out, ending.status);
        put(out, "\",\"error\":");
        json(out, &ending.error);
        put(out, ",\"incomplete_details\":");
        match ending.incomplete {
            Some(reason) => {
                put(out, "{\"reason\":\"");
                put(out, reason);
                put(out, "\"}");
            }
            None => put(out, "null"),
        }
        put(out, ",\"model\":");
        json(out, &self.echo.model);
        put(out, ",\"output\":[");
        for (at, item) in self.items.iter().enumerate() {
            put(out, if at > 0 { "," } else { "" });
            put(out, item);
        }
        put(out, "],");
        put(out, &self.echo.fields);
        put(out, if self.echo.fields.is_empty() { "\"usage\":" } else { ",\"usage\":" });
        json(out, &ending.usage);
        put(out, ",\"user\":null}");
    }

    /// An identifier for the next item; `prefix` says what it is.
    fn name(&mut self, prefix: &str) -> String {
        let id = format!("{prefix}{OWN}{}_{}", self.echo.id, self.items.len());
        self.open = json_text(&id);
        id
    }

    fn added(&mut self, item: &str, out: &mut BytesMut) {
        self.item_event("response.output_item.added", item, out);
    }

    fn item_event(&mut self, kind: &str, item: &str, out: &mut BytesMut) {
        self.head(kind, out);
        put(out, ",\"output_index\":");
        number(out, self.items.len() as u64);
        put(out, ",\"item\":");
        put(out, item);
        put(out, "}\n\n");
    }

    fn done(&mut self, item: String, out: &mut BytesMut) {
        self.item_event("response.output_item.done", &item, out);
        self.items.push(item);
        self.open.clear();
    }

    /// Writes an item that has no pieces.
    fn at_once(&mut self, item: &str, out: &mut BytesMut) {
        self.added(item, out);
        self.done(item.to_owned(), out);
    }

    /// Writes reasoning that nobody reads but we.
    fn hidden(&mut self, sealed: &str, out: &mut BytesMut) {
        let id = self.name("rs");
        let item = json_text(&Item::Reasoning { id: &id, summary: &[], encrypted_content: Some(sealed) });
        self.at_once(&item, out);
    }

    fn hide(&mut self, part: &Part, out: &mut BytesMut) {
        if let Some(carried) = Carried::whole(part) {
            self.hidden(&carried.seal(), out);
        }
    }

    fn open_text(&mut self, out: &mut BytesMut) {
        let id = self.name("msg");
        let begun = Item::Message { id: &id, status: "in_progress", role: "assistant", content: &[] };
        self.added(&json_text(&begun), out);
        self.item_head("response.content_part.added", out);
        put(out, ",\"content_index\":0,\"part\":");
        json(out, &Content { text: "", annotations: &[], logprobs: [] });
        put(out, "}\n\n");
    }

    fn open_reasoning(&mut self, out: &mut BytesMut) {
        let id = self.name("rs");
        let begun = Item::Reasoning { id: &id, summary: &[], encrypted_content: None };
        self.added(&json_text(&begun), out);
        self.item_head("response.reasoning_summary_part.added", out);
        put(out, ",\"summary_index\":0,\"part\":");
        json(out, &Summary { text: "" });
        put(out, "}\n\n");
    }

    fn open_call(&mut self, call: &ToolCall, out: &mut BytesMut) {
        let id = self.name("fc");
        let ToolCall { call_id, name, .. } = call;
        let begun = Item::FunctionCall { id: &id, status: "in_progress", call_id, name, arguments: "" };
        self.added(&json_text(&begun), out);
    }

    fn rest(&mut self, whole: &str, out: &mut BytesMut) {
        let rest = rest_of(whole, self.sent);
        if !rest.is_empty() {
            self.piece(rest, out);
        }
    }

    fn own_id(&self) -> String {
        serde_json::from_str(&self.open).unwrap_or_default()
    }

    fn end_text(&mut self, part: &Part, text: &str, out: &mut BytesMut) {
        self.rest(text, out);
        let rider = rider(part, self.has_reasoned);
        if self.open.is_empty() {
            match native(part) {
                Some(item) => self.at_once(item, out),
                None if rider.is_some() => self.hide(part, out),
                None => {}
            }
            return;
        }
        let annotations = native_annotations(part);
        let is_cited = !annotations.is_empty();
        for (at, annotation) in annotations.iter().enumerate() {
            self.annotate(at, annotation, out);
        }
        self.held = Some(Held::Text { text: text.to_owned(), annotations, is_cited, rider });
    }

    fn annotate(&mut self, at: usize, annotation: &RawValue, out: &mut BytesMut) {
        self.item_head("response.output_text.annotation.added", out);
        put(out, ",\"content_index\":0,\"annotation_index\":");
        number(out, at as u64);
        put(out, ",\"annotation\":");
        json(out, annotation);
        put(out, "}\n\n");
    }

    fn end_source(&mut self, source: &Source, out: &mut BytesMut) {
        let Some(Held::Text { text, annotations, is_cited: false, .. }) = &mut self.held else { return };
        let Some(annotation) = annotation(source, text.chars().count()) else { return };
        annotations.push(annotation.clone());
        let at = annotations.len() - 1;
        self.annotate(at, &annotation, out);
    }

    fn end_reasoning(&mut self, part: &Part, text: &str, out: &mut BytesMut) {
        self.has_reasoned |= !part.provider_metadata.is_empty();
        self.rest(text, out);
        let sealed = encrypted(part);
        if self.open.is_empty() {
            if let Some(sealed) = sealed {
                self.hidden(&sealed, out);
            }
            return;
        }
        self.item_head("response.reasoning_summary_text.done", out);
        put(out, ",\"summary_index\":0,\"text\":");
        json(out, text);
        put(out, "}\n\n");
        self.item_head("response.reasoning_summary_part.done", out);
        put(out, ",\"summary_index\":0,\"part\":");
        json(out, &Summary { text });
        put(out, "}\n\n");
        let id = self.own_id();
        let summary = [Summary { text }];
        let item = Item::Reasoning { id: &id, summary: &summary, encrypted_content: sealed.as_deref() };
        self.done(json_text(&item), out);
    }

    fn end_call(&mut self, part: &Part, call: &ToolCall, out: &mut BytesMut) {
        self.rest(&call.args, out);
        self.item_head("response.function_call_arguments.done", out);
        put(out, ",\"name\":");
        json(out, &call.name);
        put(out, ",\"arguments\":");
        json(out, &call.args);
        put(out, "}\n\n");
        let id = self.own_id();
        let ToolCall { call_id, name, args, .. } = call;
        let item = Item::FunctionCall { id: &id, status: "completed", call_id, name, arguments: args };
        self.done(json_text(&item), out);
        if let Some(rider) = rider(part, self.has_reasoned) {
            self.hidden(&rider, out);
        }
    }

    fn end_provider_call(&mut self, part: &Part, call: &ToolCall, out: &mut BytesMut) {
        let native = native(part);
        if call.name != WEB_SEARCH {
            return match native {
                Some(item) => self.at_once(item, out),
                None => self.hide(part, out),
            };
        }
        // Its own identifier, so that what rides with it finds it.
        let id = call.call_id.as_str();
        self.open = json_text(&id);
        let action = action(call);
        self.added(&json_text(&Item::WebSearchCall { id, status: "in_progress", action: &action }), out);
        for kind in ["response.web_search_call.in_progress", "response.web_search_call.searching"] {
            self.item_head(kind, out);
            put(out, "}\n\n");
        }
        let item = native.map(str::to_owned);
        let item = item.unwrap_or_else(|| json_text(&Item::WebSearchCall { id, status: "completed", action: &action }));
        let rider = native.is_none().then(|| Carried::whole(part)).flatten().map(|carried| carried.seal());
        self.held = Some(Held::Search { item, call_id: call.call_id.clone(), rider });
    }

    fn end_provider_result(&mut self, part: &Part, out: &mut BytesMut) {
        self.release(out);
        if !is_native_result(part) {
            self.hide(part, out);
        }
    }

    /// Completes what was held.
    fn release(&mut self, out: &mut BytesMut) {
        let rider = match self.held.take() {
            None => return,
            Some(Held::Text { text, annotations, rider, .. }) => {
                self.item_head("response.output_text.done", out);
                put(out, ",\"content_index\":0,\"text\":");
                json(out, &text);
                put(out, ",\"logprobs\":[]}\n\n");
                let content = [Content { text: &text, annotations: &annotations, logprobs: [] }];
                self.item_head("response.content_part.done", out);
                put(out, ",\"content_index\":0,\"part\":");
                json(out, &content[0]);
                put(out, "}\n\n");
                let id = self.own_id();
                let item = Item::Message { id: &id, status: "completed", role: "assistant", content: &content };
                self.done(json_text(&item), out);
                rider
            }
            Some(Held::Search { item, rider, .. }) => {
                self.item_head("response.web_search_call.completed", out);
                put(out, "}\n\n");
                self.done(item, out);
                rider
            }
        };
        if let Some(rider) = rider {
            self.hidden(&rider, out);
        }
    }

    /// Whether a part is what is waited for.
    fn is_awaited(&self, part: &Part) -> bool {
        match (&self.held, &part.body) {
            (Some(Held::Text { .. }), Some(Body::Source(_))) => true,
            (Some(Held::Search { call_id, .. }), Some(Body::ToolResult(ToolResult { call_id: of, .. }))) => {
                call_id == of
            }
            _ => false,
        }
    }
}

impl Blocks for Writer {
    fn begin(&mut self, part: &Part, out: &mut BytesMut) {
        if !self.is_awaited(part) {
            self.release(out);
        }
        self.sent = 0;
        self.kind = match &part.body {
            Some(Body::Text(_)) => Kind::Text,
            Some(Body::Reasoning(_)) => Kind::Reasoning,
            Some(Body::ToolCall(call)) if !call.provider_executed => {
                self.open_call(call, out);
                Kind::Call
            }
            _ => Kind::None,
        };
    }

    fn piece(&mut self, text: &str, out: &mut BytesMut) {
        if self.open.is_empty() {
            match self.kind {
                Kind::Text => self.open_text(out),
                Kind::Reasoning => self.open_reasoning(out),
                Kind::None | Kind::Call => {}
            }
        }
        match self.kind {
            Kind::None => return,
            Kind::Text => {
                self.item_head("response.output_text.delta", out);
                put(out, ",\"content_index\":0,\"logprobs\":[]");
            }
            Kind::Reasoning => {
                self.item_head("response.reasoning_summary_text.delta", out);
                put(out, ",\"summary_index\":0");
            }
            Kind::Call => self.item_head("response.function_call_arguments.delta", out),
        }
        self.sent += text.len();
        put(out, ",\"delta\":");
        json(out, text);
        put(out, "}\n\n");
    }

    fn end(&mut self, part: Part, out: &mut BytesMut) {
        match &part.body {
            Some(Body::Text(text)) => self.end_text(&part, text, out),
            Some(Body::Reasoning(reasoning)) => self.end_reasoning(&part, &reasoning.text, out),
            Some(Body::ToolCall(call)) if call.provider_executed => self.end_provider_call(&part, call, out),
            Some(Body::ToolCall(call)) => self.end_call(&part, call, out),
            Some(Body::ToolResult(_)) => self.end_provider_result(&part, out),
            Some(Body::Source(source)) => self.end_source(source, out),
            Some(Body::File(file)) => {
                let id = self.name("ig");
                let result = image(file);
                let item = Item::ImageGenerationCall { id: &id, status: "completed", result };
                self.at_once(&json_text(&item), out);
            }
            _ => {}
        }
        self.kind = Kind::None;
    }
}

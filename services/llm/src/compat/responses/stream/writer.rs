//! Writes items, one after the other, each as the events of its begin, its pieces and its end.

use bytes::BytesMut;
use chatmesh_proto::common::v1::Part;
use chatmesh_proto::common::v1::part::Body;
use serde_json::value::RawValue;

use super::super::items::{Item, OWN, image};
use super::Ending;
use crate::compat::Echo;
use crate::compat::carried::Carried;
use crate::compat::sequence::Blocks;
use crate::compat::wire::{json, json_text, number, put};

/// Writes items, one after the other.
#[derive(Debug)]
pub(super) struct Writer {
    echo: Echo,
    /// The number of the next event.
    number: u64,
    /// The complete items, JSON.
    items: Vec<String>,
    /// The identifier of the open item, as JSON; empty where none is open.
    pub(super) open: String,
    kind: Kind,
    /// Bytes of the open part that were written.
    pub(super) sent: usize,
    pub(super) has_reasoned: bool,
    pub(super) held: Option<Held>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    None,
    Text,
    Reasoning,
    Call,
}

/// An item that is complete but for what may follow it.
#[derive(Debug)]
pub(super) enum Held {
    /// A text, whose sources may follow.
    Text { text: String, annotations: Vec<Box<RawValue>>, is_cited: bool, rider: Option<String> },
    /// A search, whose result may follow.
    Search { item: String, call_id: String, rider: Option<String> },
}

impl Writer {
    pub(super) fn new(echo: Echo) -> Self {
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
    pub(super) fn head(&mut self, kind: &str, out: &mut BytesMut) {
        put(out, "event: ");
        put(out, kind);
        put(out, "\ndata: {\"type\":\"");
        put(out, kind);
        put(out, "\",\"sequence_number\":");
        number(out, self.number);
        self.number += 1;
    }

    /// Begins an event about the open item.
    pub(super) fn item_head(&mut self, kind: &str, out: &mut BytesMut) {
        self.head(kind, out);
        put(out, ",\"output_index\":");
        number(out, self.items.len() as u64);
        put(out, ",\"item_id\":");
        put(out, &self.open);
    }

    pub(super) fn lifecycle(&mut self, kind: &str, ending: &Ending, out: &mut BytesMut) {
        self.head(kind, out);
        put(out, ",\"response\":");
        self.response(ending, out);
        put(out, "}\n\n");
    }

    pub(super) fn response(&self, ending: &Ending, out: &mut BytesMut) {
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
    pub(super) fn name(&mut self, prefix: &str) -> String {
        let id = format!("{prefix}{OWN}{}_{}", self.echo.id, self.items.len());
        self.open = json_text(&id);
        id
    }

    pub(super) fn added(&mut self, item: &str, out: &mut BytesMut) {
        self.item_event("response.output_item.added", item, out);
    }

    pub(super) fn item_event(&mut self, kind: &str, item: &str, out: &mut BytesMut) {
        self.head(kind, out);
        put(out, ",\"output_index\":");
        number(out, self.items.len() as u64);
        put(out, ",\"item\":");
        put(out, item);
        put(out, "}\n\n");
    }

    pub(super) fn done(&mut self, item: String, out: &mut BytesMut) {
        self.item_event("response.output_item.done", &item, out);
        self.items.push(item);
        self.open.clear();
    }

    /// Writes an item that has no pieces.
    pub(super) fn at_once(&mut self, item: &str, out: &mut BytesMut) {
        self.added(item, out);
        self.done(item.to_owned(), out);
    }

    /// Writes reasoning that nobody reads but we.
    pub(super) fn hidden(&mut self, sealed: &str, out: &mut BytesMut) {
        let id = self.name("rs");
        let item = json_text(&Item::Reasoning { id: &id, summary: &[], encrypted_content: Some(sealed) });
        self.at_once(&item, out);
    }

    pub(super) fn hide(&mut self, part: &Part, out: &mut BytesMut) {
        if let Some(carried) = Carried::whole(part) {
            self.hidden(&carried.seal(), out);
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

//! Writes the parts of an answer as items: how each begins and ends, and what is held back for what may follow it.

use bytes::BytesMut;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, Source, ToolCall, ToolResult};
use serde_json::value::RawValue;

use super::super::items::{
    Content, Item, Summary, action, annotation, encrypted, is_native_result, native, native_annotations, rider,
};
use super::writer::{Held, Writer};
use crate::compat::carried::Carried;
use crate::compat::search::WEB_SEARCH;
use crate::compat::sequence::Blocks as _;
use crate::compat::wire::{json, json_text, number, put, rest_of};

impl Writer {
    pub(super) fn open_text(&mut self, out: &mut BytesMut) {
        let id = self.name("msg");
        let begun = Item::Message { id: &id, status: "in_progress", role: "assistant", content: &[] };
        self.added(&json_text(&begun), out);
        self.item_head("response.content_part.added", out);
        put(out, ",\"content_index\":0,\"part\":");
        json(out, &Content { text: "", annotations: &[], logprobs: [] });
        put(out, "}\n\n");
    }

    pub(super) fn open_reasoning(&mut self, out: &mut BytesMut) {
        let id = self.name("rs");
        let begun = Item::Reasoning { id: &id, summary: &[], encrypted_content: None };
        self.added(&json_text(&begun), out);
        self.item_head("response.reasoning_summary_part.added", out);
        put(out, ",\"summary_index\":0,\"part\":");
        json(out, &Summary { text: "" });
        put(out, "}\n\n");
    }

    pub(super) fn open_call(&mut self, call: &ToolCall, out: &mut BytesMut) {
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

    pub(super) fn end_text(&mut self, part: &Part, text: &str, out: &mut BytesMut) {
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

    pub(super) fn end_source(&mut self, source: &Source, out: &mut BytesMut) {
        let Some(Held::Text { text, annotations, is_cited: false, .. }) = &mut self.held else { return };
        let Some(annotation) = annotation(source, text.chars().count()) else { return };
        annotations.push(annotation.clone());
        let at = annotations.len() - 1;
        self.annotate(at, &annotation, out);
    }

    pub(super) fn end_reasoning(&mut self, part: &Part, text: &str, out: &mut BytesMut) {
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

    pub(super) fn end_call(&mut self, part: &Part, call: &ToolCall, out: &mut BytesMut) {
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

    pub(super) fn end_provider_call(&mut self, part: &Part, call: &ToolCall, out: &mut BytesMut) {
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

    pub(super) fn end_provider_result(&mut self, part: &Part, out: &mut BytesMut) {
        self.release(out);
        if !is_native_result(part) {
            self.hide(part, out);
        }
    }

    /// Completes what was held.
    pub(super) fn release(&mut self, out: &mut BytesMut) {
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
    pub(super) fn is_awaited(&self, part: &Part) -> bool {
        match (&self.held, &part.body) {
            (Some(Held::Text { .. }), Some(Body::Source(_))) => true,
            (Some(Held::Search { call_id, .. }), Some(Body::ToolResult(ToolResult { call_id: of, .. }))) => {
                call_id == of
            }
            _ => false,
        }
    }
}

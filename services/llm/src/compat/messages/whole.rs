//! Writes an answer as one message.

use bytes::{Bytes, BytesMut};
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, Source};
use chatmesh_proto::llm::v1::Finish;
use serde::Serialize;
use serde_json::value::RawValue;

use super::blocks::{
    Block, Signature, citation, file_note, is_search, native, native_citations, rider, search_content, search_input,
    signature,
};
use super::stop_reason;
use super::stream::container;
use crate::compat::Echo;
use crate::compat::carried::Carried;
use crate::compat::usage::MessagesUsage;
use crate::compat::wire::{json, put};

pub(in crate::compat) fn whole(echo: &Echo, parts: &[Part], finish: &Finish) -> Bytes {
    let mut content = Content::default();
    let mut rest = parts;
    while let [part, tail @ ..] = rest {
        let sources = tail.iter().map_while(source).collect::<Vec<_>>();
        content.take(part, &sources);
        rest = tail;
    }
    let mut out = BytesMut::with_capacity(content.out.len() + 512);
    put(&mut out, "{\"id\":\"msg_");
    put(&mut out, &echo.id);
    put(&mut out, "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
    json(&mut out, &echo.model);
    put(&mut out, ",\"content\":[");
    out.extend_from_slice(&content.out);
    put(&mut out, "],\"stop_reason\":\"");
    put(&mut out, stop_reason(finish, content.has_calls));
    put(&mut out, "\",\"stop_sequence\":null,");
    if let Some(container) = container(finish) {
        put(&mut out, "\"container\":");
        put(&mut out, container.get());
        put(&mut out, ",");
    }
    put(&mut out, "\"usage\":");
    let mut usage = MessagesUsage::of(&finish.usage.unwrap_or_default());
    usage.input_tokens.get_or_insert(echo.input_tokens);
    json(&mut out, &usage);
    put(&mut out, "}");
    out.freeze()
}

fn source(part: &Part) -> Option<&Source> {
    match &part.body {
        Some(Body::Source(source)) => Some(source),
        _ => None,
    }
}

#[derive(Default)]
struct Content {
    out: BytesMut,
    has_calls: bool,
    has_reasoned: bool,
}

impl Content {
    fn push(&mut self, block: &(impl Serialize + ?Sized)) {
        if !self.out.is_empty() {
            put(&mut self.out, ",");
        }
        json(&mut self.out, block);
    }

    fn hidden(&mut self, sealed: &str) {
        self.push(&Block::RedactedThinking { data: sealed });
    }

    fn ride(&mut self, part: &Part) {
        if let Some(rider) = rider(part, self.has_reasoned) {
            self.hidden(&rider);
        }
    }

    /// Keeps a part that nobody sees, where something rides with it.
    fn hide_where_it_matters(&mut self, part: &Part) {
        if rider(part, self.has_reasoned).is_some() {
            self.hide(part);
        }
    }

    fn hide(&mut self, part: &Part) {
        if let Some(carried) = Carried::whole(part) {
            self.hidden(&carried.seal());
        }
    }

    /// Takes a part with the sources that follow it.
    fn take(&mut self, part: &Part, sources: &[&Source]) {
        self.has_reasoned |= matches!(part.body, Some(Body::Reasoning(_))) && !part.provider_metadata.is_empty();
        let is_empty = |text: &str| text.is_empty();
        if let Some(block) = native(part)
            && !matches!(&part.body, Some(Body::Reasoning(reasoning)) if !is_empty(&reasoning.text))
        {
            return self.push(&block);
        }
        match &part.body {
            Some(Body::Text(text)) if text.is_empty() => self.hide_where_it_matters(part),
            Some(Body::Text(text)) => {
                let mut citations = native_citations(part);
                if citations.is_empty() {
                    let foreign = sources.iter().filter_map(|source| RawValue::from_string(citation(source)).ok());
                    citations.extend(foreign);
                }
                self.push(&Block::Text { text, citations: Some(citations).filter(|list| !list.is_empty()) });
                self.ride(part);
            }
            Some(Body::Reasoning(reasoning)) => match signature(part, reasoning) {
                Signature::Hidden(sealed) => self.hidden(&sealed),
                Signature::Beside(signature) => {
                    self.push(&Block::Thinking { thinking: &reasoning.text, signature: &signature });
                }
                Signature::None => {}
            },
            Some(Body::ToolCall(call)) if call.provider_executed => {
                if is_search(&call.name) {
                    let input = RawValue::from_string(search_input(call)).unwrap_or_default();
                    self.push(&Block::ServerToolUse { id: &call.call_id, name: &call.name, input: &input });
                }
                self.hide(part);
            }
            Some(Body::ToolCall(call)) => {
                self.has_calls = true;
                let is_object = call.args.trim_start().starts_with('{');
                let input = RawValue::from_string(call.args.clone()).ok().filter(|_| is_object);
                let input = input.or_else(|| RawValue::from_string("{}".to_owned()).ok()).unwrap_or_default();
                self.push(&Block::ToolUse { id: &call.call_id, name: &call.name, input: &input });
                self.ride(part);
            }
            Some(Body::ToolResult(result)) => {
                if is_search(&result.name) {
                    let content = search_content(result);
                    self.push(&Block::WebSearchToolResult { tool_use_id: &result.call_id, content });
                }
                self.hide(part);
            }
            Some(Body::File(file)) => self.push(&Block::Text { text: &file_note(file), citations: None }),
            _ => {}
        }
    }
}

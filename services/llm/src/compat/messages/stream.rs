//! Writes an answer as the events of a message.

use bytes::BytesMut;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, Reasoning, Source, ToolCall, ToolResult};
use chatmesh_proto::llm::v1::Finish;
use serde::Serialize;
use serde_json::value::RawValue;

use super::blocks::{
    Block, Signature, citation, file_note, is_search, native, native_citations, rider, search_content, search_input,
    signature,
};
use super::stop_reason;
use crate::codec::Event;
use crate::compat::carried::Carried;
use crate::compat::kinds::{ANTHROPIC, CONTAINER};
use crate::compat::sequence::{Blocks, Sequence};
use crate::compat::usage::MessagesUsage;
use crate::compat::wire::{json, number, put, rest_of};
use crate::compat::{Echo, Streamer, errors};

const PING: &str = "event: ping\ndata: {\"type\":\"ping\"}\n\n";

/// A stream that is being written.
#[derive(Debug)]
pub(in crate::compat) struct Stream {
    echo: Echo,
    is_started: bool,
    is_ended: bool,
    sequence: Sequence,
    writer: Writer,
}

impl Stream {
    pub(in crate::compat) fn new(echo: Echo) -> Self {
        Self { echo, is_started: false, is_ended: false, sequence: Sequence::default(), writer: Writer::default() }
    }

    fn start(&mut self, out: &mut BytesMut) {
        if std::mem::replace(&mut self.is_started, true) {
            return;
        }
        put(out, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_");
        put(out, &self.echo.id);
        put(out, "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
        json(out, &self.echo.model);
        put(out, ",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":");
        // What the provider counts, it says at the end, and that replaces this.
        number(out, self.echo.input_tokens.into());
        put(out, ",\"output_tokens\":0}}}\n\n");
    }

    fn finish(&mut self, finish: &Finish, out: &mut BytesMut) {
        self.start(out);
        self.writer.release(out);
        put(out, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"");
        put(out, stop_reason(finish, self.writer.has_calls));
        put(out, "\",\"stop_sequence\":null");
        if let Some(container) = container(finish) {
            put(out, ",\"container\":");
            put(out, container.get());
        }
        put(out, "},\"usage\":");
        json(out, &MessagesUsage::of(&finish.usage.unwrap_or_default()));
        put(out, "}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    }
}

/// The container that code ran in, as Anthropic gave it.
pub(super) fn container(finish: &Finish) -> Option<&RawValue> {
    let datum = finish.provider_metadata.iter().find(|it| it.namespace == ANTHROPIC && it.kind == CONTAINER)?;
    serde_json::from_slice(&datum.json).ok()
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
                self.finish(&finish, out);
            }
            Event::Error(error) => {
                self.is_ended = true;
                put(out, "event: error\ndata: ");
                put(out, &errors::anthropic_json(&error));
                put(out, "\n\n");
            }
            Event::Warning(_) | Event::Heartbeat(_) => {}
        }
    }

    fn alive(&mut self, out: &mut BytesMut) {
        if !self.is_ended {
            put(out, PING);
        }
    }
}

/// Writes blocks, one after the other.
#[derive(Debug, Default)]
struct Writer {
    /// How many blocks have begun.
    count: u32,
    /// What the open part is; its block may not have begun.
    kind: Kind,
    /// The block of the open part has begun.
    is_open: bool,
    /// Bytes of the open part that were written.
    sent: usize,
    has_calls: bool,
    has_reasoned: bool,
    /// A text that is complete and whose sources may follow.
    held: Option<Held>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    None,
    Text,
    Thinking,
    Call,
}

#[derive(Debug)]
struct Held {
    rider: Option<String>,
    /// It has citations of Anthropic's, of which the sources are copies.
    is_cited: bool,
}

impl Writer {
    fn start_block(&mut self, block: &(impl Serialize + ?Sized), out: &mut BytesMut) {
        put(out, "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":");
        number(out, self.count.into());
        put(out, ",\"content_block\":");
        json(out, block);
        put(out, "}\n\n");
        self.count += 1;
        self.is_open = true;
    }

    /// Writes a piece of the open block up to its value.
    fn delta_head(&self, head: &str, out: &mut BytesMut) {
        put(out, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":");
        number(out, self.count.saturating_sub(1).into());
        put(out, ",\"delta\":{\"type\":\"");
        put(out, head);
    }

    fn text_delta(&self, head: &str, text: &str, out: &mut BytesMut) {
        self.delta_head(head, out);
        json(out, text);
        put(out, "}}\n\n");
    }

    fn stop_block(&mut self, out: &mut BytesMut) {
        if std::mem::take(&mut self.is_open) {
            put(out, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":");
            number(out, self.count.saturating_sub(1).into());
            put(out, "}\n\n");
        }
    }

    /// Writes a block that has no pieces.
    fn whole_block(&mut self, block: &(impl Serialize + ?Sized), out: &mut BytesMut) {
        self.start_block(block, out);
        self.stop_block(out);
    }

    fn hidden(&mut self, sealed: &str, out: &mut BytesMut) {
        self.whole_block(&Block::RedactedThinking { data: sealed }, out);
    }

    /// Ends the text whose sources might have followed.
    fn release(&mut self, out: &mut BytesMut) {
        if let Some(held) = self.held.take() {
            self.stop_block(out);
            if let Some(rider) = held.rider {
                self.hidden(&rider, out);
            }
        }
    }

    fn rest(&mut self, whole: &str, out: &mut BytesMut) {
        let rest = rest_of(whole, self.sent);
        if !rest.is_empty() {
            self.piece(rest, out);
        }
    }

    fn end_text(&mut self, part: &Part, text: &str, out: &mut BytesMut) {
        self.rest(text, out);
        if !self.is_open {
            // Nobody sees it; what rides with it may matter all the same.
            match native(part) {
                Some(block) => self.whole_block(&block, out),
                None if rider(part, self.has_reasoned).is_some() => {
                    if let Some(carried) = Carried::whole(part) {
                        self.hidden(&carried.seal(), out);
                    }
                }
                None => {}
            }
            return;
        }
        let citations = native_citations(part);
        for citation in &citations {
            self.cite(citation.get(), out);
        }
        self.held = Some(Held { rider: rider(part, self.has_reasoned), is_cited: !citations.is_empty() });
    }

    fn cite(&self, citation: &str, out: &mut BytesMut) {
        self.delta_head("citations_delta\",\"citation\":", out);
        put(out, citation);
        put(out, "}}\n\n");
    }

    fn end_source(&self, source: &Source, out: &mut BytesMut) {
        if self.held.as_ref().is_some_and(|held| !held.is_cited) {
            self.cite(&citation(source), out);
        }
    }

    fn end_thinking(&mut self, part: &Part, reasoning: &Reasoning, out: &mut BytesMut) {
        self.has_reasoned |= !part.provider_metadata.is_empty();
        self.rest(&reasoning.text, out);
        if let Some(block) = native(part).filter(|_| !self.is_open) {
            return self.whole_block(&block, out);
        }
        match signature(part, reasoning) {
            Signature::Hidden(sealed) if !self.is_open => return self.hidden(&sealed, out),
            Signature::Beside(signature) | Signature::Hidden(signature) => {
                if !self.is_open {
                    self.start_block(&Block::Thinking { thinking: "", signature: "" }, out);
                }
                self.text_delta("signature_delta\",\"signature\":", &signature, out);
            }
            Signature::None => {}
        }
        self.stop_block(out);
    }

    fn end_call(&mut self, part: &Part, call: &ToolCall, out: &mut BytesMut) {
        self.rest(&call.args, out);
        self.stop_block(out);
        if let Some(rider) = rider(part, self.has_reasoned) {
            self.hidden(&rider, out);
        }
    }

    fn end_provider_call(&mut self, part: &Part, call: &ToolCall, out: &mut BytesMut) {
        if let Some(block) = native(part) {
            return self.whole_block(&block, out);
        }
        if is_search(&call.name) {
            let input = RawValue::from_string("{}".to_owned()).unwrap_or_default();
            self.start_block(&Block::ServerToolUse { id: &call.call_id, name: &call.name, input: &input }, out);
            self.text_delta("input_json_delta\",\"partial_json\":", &search_input(call), out);
            self.stop_block(out);
        }
        self.hide(part, out);
    }

    fn end_provider_result(&mut self, part: &Part, result: &ToolResult, out: &mut BytesMut) {
        if let Some(block) = native(part) {
            return self.whole_block(&block, out);
        }
        if is_search(&result.name) {
            let content = search_content(result);
            self.whole_block(&Block::WebSearchToolResult { tool_use_id: &result.call_id, content }, out);
        }
        self.hide(part, out);
    }

    fn hide(&mut self, part: &Part, out: &mut BytesMut) {
        if let Some(carried) = Carried::whole(part) {
            self.hidden(&carried.seal(), out);
        }
    }
}

impl Blocks for Writer {
    fn begin(&mut self, part: &Part, out: &mut BytesMut) {
        if !matches!(part.body, Some(Body::Source(_))) {
            self.release(out);
        }
        self.sent = 0;
        self.kind = match &part.body {
            Some(Body::Text(_)) => Kind::Text,
            Some(Body::Reasoning(_)) => Kind::Thinking,
            Some(Body::ToolCall(call)) if !call.provider_executed => {
                self.has_calls = true;
                let input = RawValue::from_string("{}".to_owned()).unwrap_or_default();
                self.start_block(&Block::ToolUse { id: &call.call_id, name: &call.name, input: &input }, out);
                Kind::Call
            }
            _ => Kind::None,
        };
    }

    fn piece(&mut self, text: &str, out: &mut BytesMut) {
        let head = match self.kind {
            Kind::None => return,
            Kind::Text => "text_delta\",\"text\":",
            Kind::Thinking => "thinking_delta\",\"thinking\":",
            Kind::Call => "input_json_delta\",\"partial_json\":",
        };
        if !self.is_open {
            // A block without content is none that clients can send back.
            match self.kind {
                Kind::Thinking => self.start_block(&Block::Thinking { thinking: "", signature: "" }, out),
                _ => self.start_block(&Block::Text { text: "", citations: None }, out),
            }
        }
        self.sent += text.len();
        self.text_delta(head, text, out);
    }

    fn end(&mut self, part: Part, out: &mut BytesMut) {
        match &part.body {
            Some(Body::Text(text)) => self.end_text(&part, text, out),
            Some(Body::Reasoning(reasoning)) => self.end_thinking(&part, reasoning, out),
            Some(Body::ToolCall(call)) if call.provider_executed => self.end_provider_call(&part, call, out),
            Some(Body::ToolCall(call)) => self.end_call(&part, call, out),
            Some(Body::ToolResult(result)) => self.end_provider_result(&part, result, out),
            Some(Body::Source(source)) => self.end_source(source, out),
            Some(Body::File(file)) => {
                let note = file_note(file);
                self.kind = Kind::Text;
                self.piece(&note, out);
                self.stop_block(out);
            }
            _ => {}
        }
        self.kind = Kind::None;
    }
}

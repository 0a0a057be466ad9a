//! Writes the chunks of an answer.

use bytes::BytesMut;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, ToolCall};
use chatmesh_proto::llm::v1::Finish;
use serde::Serialize;

use super::{Annotation, Last, Place};
use crate::compat::Echo;
use crate::compat::chat::whole::{Image, carried_entries, native_signature};
use crate::compat::chat::{AFTER_TEXT, PARAGRAPH, finish_reason};
use crate::compat::sequence::Blocks;
use crate::compat::usage::ChatUsage;
use crate::compat::wire::{json, json_text, number, put, rest_of};

/// Writes chunks.
#[derive(Debug)]
pub(super) struct Writer {
    /// Every chunk up to its choices.
    head: String,
    /// Every chunk of the answer itself from behind its delta.
    tail: &'static str,
    include_usage: bool,
    /// What the open part is.
    kind: Kind,
    /// Bytes of it that were written.
    sent: usize,
    calls: u32,
    /// Fields that are lists: they leave whole, with the end. Clients replace such a field by the next
    /// one of its name, so that of several only the last would remain.
    details: List,
    annotations: List,
    images: usize,
    text_length: usize,
    thought_length: usize,
    last: Last,
    place: Place,
}

/// The elements of a list in JSON, so far.
#[derive(Debug, Default)]
struct List {
    json: String,
    length: usize,
}

impl List {
    fn add(&mut self, elements: &str) {
        if !self.json.is_empty() {
            self.json.push(',');
        }
        self.json.push_str(elements);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thought,
    /// A call with its number among the calls.
    Call(u32),
    /// Nothing of it is written before it is complete.
    Hidden,
}

#[derive(Serialize)]
struct Begun<'a> {
    tool_calls: [BegunCall<'a>; 1],
}

#[derive(Serialize)]
struct BegunCall<'a> {
    index: u32,
    id: &'a str,
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: &'a str,
}

impl Writer {
    pub(super) fn new(echo: &Echo) -> Self {
        let head = format!(
            r#"data: {{"id":"chatcmpl-{}","object":"chat.completion.chunk","created":{},"model":{},"system_fingerprint":null,"choices":["#,
            echo.id,
            echo.created,
            json_text(&echo.model),
        );
        let tail = match echo.include_usage {
            true => ",\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n",
            false => ",\"logprobs\":null,\"finish_reason\":null}]}\n\n",
        };
        Self {
            head,
            tail,
            include_usage: echo.include_usage,
            kind: Kind::Hidden,
            sent: 0,
            calls: 0,
            details: List::default(),
            annotations: List::default(),
            images: 0,
            text_length: 0,
            thought_length: 0,
            last: Last::Nothing,
            place: Place::default(),
        }
    }

    /// Writes the first chunk.
    pub(super) fn start(&self, out: &mut BytesMut) {
        self.head(out);
        put(out, r#"{"role":"assistant","content":"","refusal":null}"#);
        put(out, self.tail);
    }

    fn head(&self, out: &mut BytesMut) {
        put(out, &self.head);
        put(out, r#"{"index":0,"delta":"#);
    }

    fn delta(&self, delta: &impl Serialize, out: &mut BytesMut) {
        self.head(out);
        json(out, delta);
        put(out, self.tail);
    }

    /// A delta whose only field is a text.
    fn text_delta(&self, field: &str, text: &str, out: &mut BytesMut) {
        self.head(out);
        put(out, "{\"");
        put(out, field);
        put(out, "\":");
        json(out, text);
        put(out, "}");
        put(out, self.tail);
    }

    fn begin_call(&mut self, call: &ToolCall, out: &mut BytesMut) -> Kind {
        let index = self.calls;
        self.calls += 1;
        self.last = Last::Other;
        call.call_id.clone_into(&mut self.place.after);
        let function = Function { name: &call.name, arguments: "" };
        let call = BegunCall { index, id: &call.call_id, r#type: "function", function };
        self.delta(&Begun { tool_calls: [call] }, out);
        Kind::Call(index)
    }

    fn write(&mut self, kind: Kind, is_first: bool, text: &str, out: &mut BytesMut) {
        match kind {
            Kind::Text => {
                if is_first && self.text_length > 0 && self.last != Last::Text {
                    self.text_delta("content", PARAGRAPH, out);
                    self.text_length += PARAGRAPH.len();
                }
                self.text_delta("content", text, out);
                self.text_length += text.len();
                self.last = Last::Text;
                if is_first {
                    AFTER_TEXT.clone_into(&mut self.place.after);
                }
            }
            Kind::Thought => {
                if is_first && self.thought_length > 0 {
                    self.text_delta("reasoning_content", PARAGRAPH, out);
                }
                self.text_delta("reasoning_content", text, out);
                self.thought_length += text.len();
                self.last = Last::Thought;
            }
            Kind::Call(index) => {
                self.head(out);
                put(out, r#"{"tool_calls":[{"index":"#);
                number(out, index.into());
                put(out, r#","function":{"arguments":"#);
                json(out, text);
                put(out, "}}]}");
                put(out, self.tail);
            }
            Kind::Hidden => {}
        }
    }

    fn rest(&mut self, whole: &str, out: &mut BytesMut) {
        let rest = rest_of(whole, self.sent);
        if !rest.is_empty() {
            self.write(self.kind, self.sent == 0, rest, out);
        }
    }

    fn image(&mut self, file: &File, out: &mut BytesMut) {
        #[derive(Serialize)]
        struct Images<'a> {
            images: [Image<'a>; 1],
        }
        self.last = Last::Other;
        let image = Image::new(file, Some(self.images));
        self.images += 1;
        self.delta(&Images { images: [image] }, out);
    }

    /// Writes what the provider wants back of a part.
    fn keep(&mut self, part: &Part, kind: Kind, out: &mut BytesMut) {
        if let Some(signature) = native_signature(part) {
            self.head(out);
            match kind {
                Kind::Call(index) => {
                    put(out, r#"{"tool_calls":[{"index":"#);
                    number(out, index.into());
                    // Clients look for arguments in every piece of a call.
                    put(out, r#","function":{"arguments":""},"extra_content":{"google":{"thought_signature":"#);
                    put(out, signature);
                    put(out, "}}}]}");
                }
                _ => {
                    put(out, r#"{"extra_content":{"google":{"thought_signature":"#);
                    put(out, signature);
                    put(out, "}}}");
                }
            }
            put(out, self.tail);
        }
        let entries = carried_entries(part, &mut self.place, &mut self.details.length);
        let elements = entries.as_deref().and_then(|list| list.trim().strip_prefix('[')?.strip_suffix(']'));
        if let Some(elements) = elements.map(str::trim).filter(|elements| !elements.is_empty()) {
            self.details.add(elements);
        }
    }

    /// Writes the lists.
    fn lists(&self, out: &mut BytesMut) {
        for (field, list) in [("annotations", &self.annotations), ("reasoning_details", &self.details)] {
            if list.json.is_empty() {
                continue;
            }
            self.head(out);
            put(out, "{\"");
            put(out, field);
            put(out, "\":[");
            put(out, &list.json);
            put(out, "]}");
            put(out, self.tail);
        }
    }

    pub(super) fn finish(&self, finish: &Finish, out: &mut BytesMut) {
        self.lists(out);
        put(out, &self.head);
        put(out, r#"{"index":0,"delta":{},"logprobs":null,"finish_reason":""#);
        put(out, finish_reason(finish.reason(), self.calls > 0));
        put(out, "\"}]");
        if self.include_usage {
            put(out, ",\"usage\":null");
        }
        put(out, "}\n\n");
        if self.include_usage {
            put(out, &self.head);
            put(out, "],\"usage\":");
            json(out, &finish.usage.as_ref().map(ChatUsage::of));
            put(out, "}\n\n");
        }
        put(out, "data: [DONE]\n\n");
    }
}

impl Blocks for Writer {
    fn begin(&mut self, part: &Part, out: &mut BytesMut) {
        self.sent = 0;
        self.kind = match &part.body {
            Some(Body::Text(_)) => Kind::Text,
            Some(Body::Reasoning(_)) => Kind::Thought,
            Some(Body::ToolCall(call)) if !call.provider_executed => self.begin_call(call, out),
            _ => Kind::Hidden,
        };
    }

    fn piece(&mut self, text: &str, out: &mut BytesMut) {
        self.write(self.kind, self.sent == 0, text, out);
        self.sent += text.len();
    }

    fn end(&mut self, part: Part, out: &mut BytesMut) {
        match &part.body {
            Some(Body::Text(text)) => self.rest(text, out),
            Some(Body::Reasoning(reasoning)) => self.rest(&reasoning.text, out),
            Some(Body::ToolCall(call)) if !call.provider_executed => self.rest(&call.args, out),
            Some(Body::Source(source)) => {
                let annotation = Annotation::new(source, self.text_length, Some(self.annotations.length));
                self.annotations.length += 1;
                return self.annotations.add(&json_text(&annotation));
            }
            Some(Body::File(file)) => return self.image(file, out),
            _ => {}
        }
        if self.kind == Kind::Hidden {
            self.last = Last::Other;
        }
        self.keep(&part, self.kind, out);
    }
}

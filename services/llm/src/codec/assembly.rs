//! Builds the events of one answer. Decoders say what they read; this keeps the promises that
//! all of them share: numbering, one start, one end.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, ProviderMetadata, Reasoning, ToolCall, ToolResult};
use chatmesh_proto::llm::v1::{Finish, Heartbeat, PartDelta, PartFinished, PartStarted, ResponseStarted};

use super::call_ids::{CallIds, sanitize};
use super::warnings::warning;
use super::{Event, ResponseContext};
use crate::classify::{Classifier, Failure};

/// What an open part will be.
#[derive(Debug)]
pub(crate) enum Kind {
    Text,
    Reasoning { redacted: bool },
    Call { id: String, name: String, provider_executed: bool },
}

/// A part that has begun and is not complete.
#[derive(Debug)]
pub(crate) struct OpenPart {
    index: u32,
    kind: Kind,
    text: String,
    pub(crate) metadata: Vec<ProviderMetadata>,
}

impl OpenPart {
    /// What was said so far.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Adds a piece; an empty one is no event.
    pub(crate) fn append(&mut self, piece: &str, out: &mut Vec<Event>) {
        if !piece.is_empty() {
            self.text.push_str(piece);
            out.push(Event::PartDelta(PartDelta { index: self.index, text: piece.to_owned() }));
        }
    }

    /// Takes the whole text, which decides. Returns whether the pieces had said the same.
    pub(crate) fn settle(&mut self, whole: &str, out: &mut Vec<Event>) -> bool {
        match whole.strip_prefix(self.text.as_str()) {
            Some(rest) => {
                self.append(rest, out);
                true
            }
            None => {
                whole.clone_into(&mut self.text);
                false
            }
        }
    }

    /// Completes the part.
    pub(crate) fn close(self, out: &mut Vec<Event>) {
        let index = self.index;
        let body = body_of(self.kind, self.text);
        let part = Part { body: Some(body), provider_metadata: self.metadata, ..Part::default() };
        out.push(Event::PartFinished(PartFinished { index, part: Some(part) }));
    }

    /// Completes a call without arguments or with the arguments that were read.
    pub(crate) fn close_call(mut self, out: &mut Vec<Event>) {
        if self.text.trim().is_empty() {
            "{}".clone_into(&mut self.text);
        }
        self.close(out);
    }

    /// Marks reasoning whose content the provider hid.
    pub(crate) fn redact(&mut self) {
        if let Kind::Reasoning { redacted } = &mut self.kind {
            *redacted = true;
        }
    }
}

fn body_of(kind: Kind, text: String) -> Body {
    match kind {
        Kind::Text => Body::Text(text),
        Kind::Reasoning { redacted } => Body::Reasoning(Reasoning { text, redacted }),
        Kind::Call { id, name, provider_executed } => {
            Body::ToolCall(ToolCall { call_id: id, name, args: text, args_delta: String::new(), provider_executed })
        }
    }
}

/// The state of an answer that is being read.
#[derive(Debug)]
pub(crate) struct Assembly {
    context: ResponseContext,
    call_ids: CallIds,
    next_index: u32,
    started: bool,
    ended: bool,
}

impl Assembly {
    pub(crate) fn new(mut context: ResponseContext) -> Self {
        let call_ids = CallIds::without(std::mem::take(&mut context.used_call_ids));
        Self { context, call_ids, next_index: 0, started: false, ended: false }
    }

    pub(crate) fn is_started(&self) -> bool {
        self.started
    }

    /// Whether the terminal event was given.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    pub(crate) fn classifier(&self) -> &Classifier {
        &self.context.classifier
    }

    /// The provider says that it does not keep the answer, whatever it was asked.
    pub(crate) fn forget_kept(&mut self) {
        self.context.kept.answer = false;
    }

    /// The provider accepted the call. Only the first time counts.
    pub(crate) fn start(&mut self, response_id: &str, model: &str, out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let model = if model.is_empty() { &self.context.model } else { model };
        out.push(Event::ResponseStarted(ResponseStarted {
            response_id: response_id.to_owned(),
            model: model.to_owned(),
            model_name: self.context.model_name.clone(),
            provider: self.context.classifier.provider().to_owned(),
            context_limit: self.context.context_limit,
            response_stored: self.context.kept.answer && !response_id.is_empty(),
            compaction_threshold_percent: self.context.compaction_threshold_percent,
            chained: self.context.kept.continued,
        }));
    }

    /// Begins a part that comes in pieces.
    pub(crate) fn open(&mut self, kind: Kind, out: &mut Vec<Event>) -> OpenPart {
        let announced = match &kind {
            Kind::Text => Body::Text(String::new()),
            Kind::Reasoning { redacted } => Body::Reasoning(Reasoning { text: String::new(), redacted: *redacted }),
            Kind::Call { id, name, provider_executed } => Body::ToolCall(ToolCall {
                call_id: id.clone(),
                name: name.clone(),
                provider_executed: *provider_executed,
                ..ToolCall::default()
            }),
        };
        let index = self.announce(announced, out);
        OpenPart { index, kind, text: String::new(), metadata: Vec::new() }
    }

    /// Adds a part that came at once.
    pub(crate) fn add(&mut self, part: Part, out: &mut Vec<Event>) {
        let Some(body) = &part.body else { return };
        let announced = match body {
            Body::Text(_) => Body::Text(String::new()),
            Body::Reasoning(it) => Body::Reasoning(Reasoning { text: String::new(), redacted: it.redacted }),
            Body::ToolCall(it) => Body::ToolCall(ToolCall { args: String::new(), ..it.clone() }),
            Body::ToolResult(it) => Body::ToolResult(ToolResult { result: String::new(), ..it.clone() }),
            Body::File(it) => Body::File(File { data: bytes::Bytes::new(), ..it.clone() }),
            Body::Source(_) | Body::FileReference(_) | Body::ContextFile(_) | Body::Skill(_) => body.clone(),
        };
        let index = self.announce(announced, out);
        out.push(Event::PartFinished(PartFinished { index, part: Some(part) }));
    }

    fn announce(&mut self, body: Body, out: &mut Vec<Event>) -> u32 {
        self.start("", "", out);
        let index = self.next_index;
        self.next_index += 1;
        let part = Part { body: Some(body), ..Part::default() };
        out.push(Event::PartStarted(PartStarted { index, part: Some(part) }));
        index
    }

    /// An identifier for a call, and whether the provider's own had to be changed for it.
    pub(crate) fn call_id(&mut self, raw: &str) -> (String, bool) {
        if raw.is_empty() {
            return (self.call_ids.invent(), false);
        }
        let id = self.call_ids.claim(&sanitize(raw));
        let is_changed = id != raw;
        (id, is_changed)
    }

    pub(crate) fn warn(&mut self, code: &str, message: impl Into<String>, out: &mut Vec<Event>) {
        out.push(Event::Warning(warning(code, message)));
    }

    pub(crate) fn heartbeat(&mut self, out: &mut Vec<Event>) {
        out.push(Event::Heartbeat(Heartbeat {}));
    }

    /// Ends the answer. Only the first end counts.
    pub(crate) fn finish(&mut self, mut finish: Finish, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.ended, true) {
            self.start("", "", out);
            finish.cost_micros = finish.usage.as_ref().and_then(|usage| self.context.prices.cost(usage));
            out.push(Event::Finish(finish));
        }
    }

    /// Ends the answer with an error. Only the first end counts.
    pub(crate) fn fail(&mut self, failure: &Failure, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.ended, true) {
            let mut error = self.classifier().classify(failure);
            error.partial_output = self.next_index > 0;
            out.push(Event::Error(error));
        }
    }
}

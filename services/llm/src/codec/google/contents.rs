//! Encodes a conversation: model and user in turns, results right after their calls.

use std::borrow::Cow;

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part as OurPart, ToolCall};
use chatmesh_proto::llm::v1::{PromptMessage, Warning};
use serde_json::value::RawValue;

use super::model::Model;
use super::types::{Content, Data, FunctionCall, FunctionResponse, Ours, Part, Response, Role};
use super::{GROUNDING, Host, NAMESPACE, RAW, THOUGHT_SIGNATURE, files};
use crate::classify::Failure;
use crate::codec::attachment::result_files_text;
use crate::codec::fields::raw_of;
use crate::codec::history::{AssistantTurn, CallResult, ORIGINAL_CALL_ID, Piece, Policy, Turn, arrange, plain_text};
use crate::codec::json::{empty_object, is_object, object_of, string_of};
use crate::codec::metadata;
use crate::codec::tool_names::ToolNames;
use crate::codec::warnings::{INVALID_ARGS, REASONING_DROPPED, SYSTEM_MESSAGE_CONVERTED, warning};

/// A search of the provider's is told, so that it is not taken for one that cannot return; that
/// it need not return is known here alone.
const POLICY: Policy = Policy { namespace: NAMESPACE, keeps_call_ids: true, provider_tools: Some(GROUNDING) };

/// Accepted in place of a signature for calls that another provider's model made.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// A conversation on the wire.
#[derive(Debug)]
pub(super) struct Prompt<'a> {
    pub(super) system: Option<Content<'a>>,
    pub(super) contents: Vec<Content<'a>>,
}

pub(super) fn encode<'a>(
    messages: &'a [PromptMessage],
    host: Host,
    model: Model<'_>,
    names: &ToolNames<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<Prompt<'a>, Failure> {
    let turns = arrange(messages, POLICY, warnings);
    let mut encoder = Encoder { host, model, names, system: Vec::new(), contents: Vec::new(), foreign: 0, warnings };
    for turn in turns {
        encoder.take(turn);
    }
    encoder.finish()
}

struct Encoder<'a, 'w> {
    host: Host,
    model: Model<'w>,
    names: &'w ToolNames<'w>,
    system: Vec<Part<'a>>,
    contents: Vec<Content<'a>>,
    /// How many thoughts of other providers could not be sent.
    foreign: usize,
    warnings: &'w mut Vec<Warning>,
}

impl<'a> Encoder<'a, '_> {
    fn take(&mut self, turn: Turn<'a>) {
        match turn {
            Turn::System(texts) if self.contents.is_empty() => {
                self.system.extend(texts.into_iter().map(Part::text));
            }
            Turn::System(texts) => {
                let message = "a system message after the first other one was sent as the user's";
                self.warnings.push(warning(SYSTEM_MESSAGE_CONVERTED, message));
                self.push(Role::User, texts.into_iter().map(Part::text).collect());
            }
            Turn::User(parts) => {
                let parts = parts.into_iter().filter_map(|part| self.user_part(part)).collect();
                self.push(Role::User, parts);
            }
            Turn::Assistant(said) => self.take_assistant(said),
        }
    }

    /// Neighbours of one role are one content, but nothing stands beside results.
    fn push(&mut self, role: Role, parts: Vec<Part<'a>>) {
        let has_results = |parts: &[Part<'_>]| parts.iter().any(Part::is_response);
        let is_result = has_results(&parts);
        match self.contents.last_mut() {
            _ if parts.is_empty() => {}
            Some(last) if last.role == Some(role) && has_results(&last.parts) == is_result => last.parts.extend(parts),
            _ => self.contents.push(Content { role: Some(role), parts }),
        }
    }

    fn user_part(&mut self, part: &'a OurPart) -> Option<Part<'a>> {
        match part.body.as_ref()? {
            Body::File(file) => Some(files::part(file, self.host, self.warnings)),
            _ => plain_text(part).map(Part::text),
        }
    }

    fn take_assistant(&mut self, said: AssistantTurn<'a>) {
        let mut parts = Vec::new();
        let mut calls = Vec::new();
        for piece in said.pieces {
            if let Some(Body::ToolCall(call)) = &piece.part.body
                && !call.provider_executed
            {
                let is_first = calls.is_empty();
                calls.push((self.names.wire(&call.name), self.wire_id(&piece)));
                parts.push(self.call_part(&piece, call, is_first));
            } else {
                parts.extend(self.said_part(piece.part));
            }
        }
        self.push(Role::Model, parts);
        let mut beside = Vec::new();
        let mut results = Vec::new();
        for (result, (name, id)) in said.results.into_iter().zip(calls) {
            let within = self.result_files(&result, &mut beside);
            let text = result.text();
            let response = if result.is_error() { Response::Error(text) } else { Response::Result(text) };
            results.push(Data::FunctionResponse(FunctionResponse { id, name, response, parts: within }).into());
        }
        self.push(Role::User, results);
        self.push(Role::User, beside);
    }

    /// The files of a result: within it where the model takes them there, else after all results.
    fn result_files(&mut self, result: &CallResult<'a>, beside: &mut Vec<Part<'a>>) -> Vec<Part<'a>> {
        let mut within = Vec::new();
        let mut is_introduced = false;
        for file in result.files() {
            match files::within_result(file).filter(|_| self.model.is_third()) {
                Some(part) => within.push(part),
                None => {
                    if !std::mem::replace(&mut is_introduced, true) {
                        beside.push(Part::text(result_files_text(result.name())));
                    }
                    beside.push(files::part(file, self.host, self.warnings));
                }
            }
        }
        within
    }

    /// The provider's own identifier of a call, where it gave one and takes it back.
    fn wire_id(&self, piece: &Piece<'_>) -> Option<String> {
        let is_known = metadata::find(piece.part, NAMESPACE, ORIGINAL_CALL_ID).is_some();
        (is_known && self.host == Host::GeminiApi).then(|| piece.call_id.clone())
    }

    fn call_part(&mut self, piece: &Piece<'a>, call: &'a ToolCall, is_first: bool) -> Part<'a> {
        let args = match object_of(&call.args) {
            Some(args) => Cow::Borrowed(args),
            None => {
                if !call.args.trim().is_empty() {
                    let message = format!("the arguments of a call of `{}` were replaced by none", call.name);
                    self.warnings.push(warning(INVALID_ARGS, message));
                }
                empty_object()
            }
        };
        let function = FunctionCall { id: self.wire_id(piece), name: self.names.wire(&call.name), args };
        let needs_one = self.model.is_third() && is_first;
        let stand_in = || needs_one.then(|| Cow::Owned(raw_of(&NO_SIGNATURE)));
        let thought_signature = signature(piece.part).map(Cow::Borrowed).or_else(stand_in);
        Part::Ours(Ours { data: Data::FunctionCall(function), thought: false, thought_signature })
    }

    /// What the model said beside calls.
    fn said_part(&mut self, part: &'a OurPart) -> Option<Part<'a>> {
        if let Some(raw) = metadata::find(part, NAMESPACE, RAW).filter(|raw| is_object(raw.get())) {
            return Some(Part::Raw(raw));
        }
        let signature = signature(part);
        let mut thought = false;
        let data = match part.body.as_ref()? {
            Body::Text(text) if signature.is_some() => Data::Text(Cow::Borrowed(text)),
            // The provider wants thoughts back only where it signed them.
            Body::Reasoning(reasoning) if signature.is_some() => {
                thought = true;
                Data::Text(Cow::Borrowed(&reasoning.text))
            }
            Body::Reasoning(_) => {
                self.foreign += usize::from(metadata::is_foreign(part, NAMESPACE));
                return None;
            }
            Body::ToolCall(_) | Body::ToolResult(_) => return None,
            Body::File(file) => match files::whole(file)? {
                Part::Ours(ours) => ours.data,
                raw @ Part::Raw(_) => return Some(raw),
            },
            _ => Data::Text(plain_text(part)?),
        };
        Some(Part::Ours(Ours { data, thought, thought_signature: signature.map(Cow::Borrowed) }))
    }

    fn finish(mut self) -> Result<Prompt<'a>, Failure> {
        if self.foreign > 0 {
            let message = format!("{} reasoning parts of another provider were left out", self.foreign);
            self.warnings.push(warning(REASONING_DROPPED, message));
        }
        let first = self.contents.first().and_then(|first| first.role);
        match first {
            None => return Err(Failure::configuration("the conversation has no message")),
            Some(Role::Model) => {
                let parts = vec![Part::text("Continue.")];
                self.contents.insert(0, Content { role: Some(Role::User), parts });
            }
            Some(Role::User) => {}
        }
        let mut system = Some(self.system).filter(|parts| !parts.is_empty());
        if self.model.is_gemma()
            && let Some(mut parts) = system.take()
            && let Some(first) = self.contents.first_mut()
        {
            parts.append(&mut first.parts);
            first.parts = parts;
        }
        Ok(Prompt { system: system.map(|parts| Content { role: None, parts }), contents: self.contents })
    }
}

/// What binds a part to the thoughts behind it.
fn signature(part: &OurPart) -> Option<&RawValue> {
    metadata::find(part, NAMESPACE, THOUGHT_SIGNATURE).filter(|raw| string_of(raw).is_some())
}

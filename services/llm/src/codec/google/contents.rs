//! Encodes a conversation: model and user in turns, results right after their calls.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part};
use chatmesh_proto::llm::v1::{PromptMessage, Warning};
use serde_json::{Value, json};

use super::{NAMESPACE, RAW, THOUGHT_SIGNATURE};
use crate::classify::Failure;
use crate::codec::attachment::{Attachment, essence, inline_text};
use crate::codec::history::{AssistantTurn, ORIGINAL_CALL_ID, Piece, Policy, Turn, arrange, plain_text};
use crate::codec::json::object_of;
use crate::codec::metadata;
use crate::codec::warnings::{ATTACHMENT_DROPPED, INVALID_ARGS, REASONING_DROPPED, SYSTEM_MESSAGE_CONVERTED, warning};

const POLICY: Policy = Policy { namespace: NAMESPACE, keeps_call_ids: true, provider_tools: None };

/// Accepted in place of a signature for calls that another provider's model made.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// A conversation on the wire.
#[derive(Debug, Default)]
pub(super) struct Prompt {
    pub(super) system: Vec<Value>,
    pub(super) contents: Vec<Value>,
}

/// What a model and its host demand of a conversation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demands {
    pub(super) call_ids: bool,
    /// The first call of every step needs a signature.
    pub(super) signatures: bool,
}

pub(super) fn encode(
    messages: &[PromptMessage],
    demands: Demands,
    warnings: &mut Vec<Warning>,
) -> Result<Prompt, Failure> {
    let turns = arrange(messages, POLICY, warnings);
    let mut prompt = Prompt::default();
    for turn in turns {
        match turn {
            Turn::System(texts) if prompt.contents.is_empty() => {
                prompt.system.extend(texts.into_iter().map(|text| json!({ "text": text })));
            }
            Turn::System(texts) => {
                let message = "a system message after the first other one was sent as the user's";
                warnings.push(warning(SYSTEM_MESSAGE_CONVERTED, message));
                prompt.push("user", texts.into_iter().map(|text| json!({ "text": text })).collect());
            }
            Turn::User(parts) => {
                let parts = parts.into_iter().filter_map(|part| user_part(part, warnings)).collect();
                prompt.push("user", parts);
            }
            Turn::Assistant(said) => prompt.assistant(said, demands, warnings),
        }
    }
    match prompt.contents.first() {
        None => return Err(Failure::configuration("the conversation has no message")),
        Some(first) if first["role"] == "model" => {
            prompt.contents.insert(0, json!({ "role": "user", "parts": [{ "text": "Continue." }] }));
        }
        Some(_) => {}
    }
    Ok(prompt)
}

impl Prompt {
    /// Neighbours of one role are one content, but nothing stands beside results.
    fn push(&mut self, role: &str, parts: Vec<Value>) {
        let has_results = |parts: &[Value]| parts.iter().any(|part| part.get("functionResponse").is_some());
        let is_result = has_results(&parts);
        let last = self.contents.last_mut().filter(|last| last["role"] == role);
        match last.and_then(|last| last["parts"].as_array_mut()) {
            _ if parts.is_empty() => {}
            Some(own) if has_results(own) == is_result => own.extend(parts),
            _ => self.contents.push(json!({ "role": role, "parts": parts })),
        }
    }

    fn assistant(&mut self, said: AssistantTurn<'_>, demands: Demands, warnings: &mut Vec<Warning>) {
        let mut parts = Vec::new();
        // Of each call: its name, and its identifier where the provider gave one.
        let mut calls = Vec::new();
        for piece in said.pieces {
            if let Some(Body::ToolCall(call)) = &piece.part.body {
                let has_id = demands.call_ids && metadata::find(piece.part, NAMESPACE, ORIGINAL_CALL_ID).is_some();
                calls.push((call.name.as_str(), has_id));
            }
            let is_first = calls.len() == 1;
            parts.extend(model_part(&piece, demands, is_first, warnings));
        }
        self.push("model", parts);
        let results = said.results.into_iter().zip(calls).map(|(result, (name, has_id))| {
            let text = result.text();
            let key = if result.is_error() { "error" } else { "result" };
            let mut response = json!({ "name": name, "response": { key: text } });
            if has_id {
                response["id"] = json!(result.call_id);
            }
            json!({ "functionResponse": response })
        });
        self.push("user", results.collect());
    }
}

fn user_part(part: &Part, warnings: &mut Vec<Warning>) -> Option<Value> {
    match part.body.as_ref()? {
        Body::File(file) => Some(match Attachment::of(file) {
            Attachment::Image | Attachment::Pdf => inline(file),
            Attachment::Text(text) => json!({ "text": inline_text(file, text) }),
            Attachment::Note(note) => {
                warnings.push(warning(ATTACHMENT_DROPPED, note.clone()));
                json!({ "text": note })
            }
        }),
        _ => plain_text(part).map(|text| json!({ "text": text })),
    }
}

fn inline(file: &File) -> Value {
    json!({ "inlineData": { "mimeType": essence(&file.media_type), "data": STANDARD.encode(&file.data) } })
}

fn model_part(piece: &Piece<'_>, demands: Demands, is_first_call: bool, warnings: &mut Vec<Warning>) -> Option<Value> {
    let part = piece.part;
    let value = |kind| metadata::find(part, NAMESPACE, kind).and_then(|raw| serde_json::from_str(raw.get()).ok());
    if let Some(raw) = value(RAW) {
        return Some(raw);
    }
    let mut signature: Option<Value> = value(THOUGHT_SIGNATURE);
    let mut encoded = match part.body.as_ref()? {
        Body::Text(text) if signature.is_some() => json!({ "text": text }),
        Body::Reasoning(reasoning) => {
            if signature.is_none() {
                if metadata::is_foreign(part, NAMESPACE) {
                    warnings.push(warning(REASONING_DROPPED, "reasoning of another provider was left out"));
                }
                return None;
            }
            json!({ "text": reasoning.text, "thought": true })
        }
        Body::ToolCall(call) if !call.provider_executed => {
            if demands.signatures && is_first_call && signature.is_none() {
                signature = Some(json!(NO_SIGNATURE));
            }
            let args = object_of(&call.args).and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
            if args.is_none() && !call.args.trim().is_empty() {
                let message = format!("the arguments of a call of `{}` were replaced by none", call.name);
                warnings.push(warning(INVALID_ARGS, message));
            }
            let mut wire = json!({ "name": call.name, "args": args.unwrap_or_else(|| json!({})) });
            if demands.call_ids && metadata::find(part, NAMESPACE, ORIGINAL_CALL_ID).is_some() {
                wire["id"] = json!(piece.call_id);
            }
            json!({ "functionCall": wire })
        }
        Body::ToolCall(_) | Body::ToolResult(_) => return None,
        Body::File(file) if !file.data.is_empty() => inline(file),
        _ => json!({ "text": plain_text(part)? }),
    };
    if let Some(signature) = signature {
        encoded["thoughtSignature"] = signature;
    }
    Some(encoded)
}

//! One block of content, from its start to its end.

use std::collections::HashMap;

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, ProviderMetadata, Reasoning, Source, ToolResult};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::Delta;
use crate::classify::Failure;
use crate::codec::Event;
use crate::codec::anthropic::{CITATION, NAMESPACE, RAW, REDACTED_THINKING, SERVER_TOOL, THINKING_SIGNATURE, TOOL_USE};
use crate::codec::assembly::{Assembly, Kind, OpenPart};
use crate::codec::json::{Text, is_object, text};
use crate::codec::metadata::{metadata, metadata_of};
use crate::codec::warnings::{INVALID_ARGS, ODD_STREAM};

/// A block that is being read.
#[derive(Debug)]
pub(super) enum Block {
    Text {
        part: OpenPart,
        sources: Vec<Source>,
    },
    Thinking {
        part: OpenPart,
        signature: String,
    },
    Call {
        part: OpenPart,
        raw: Box<RawValue>,
        is_ours: bool,
    },
    /// A block of a type that nobody told us of, and whether it came in pieces.
    Unknown {
        raw: Box<RawValue>,
        in_pieces: bool,
    },
    /// A block whose part was complete at its start.
    Whole,
}

/// The fields of every type of block.
#[derive(Deserialize)]
struct Start<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    thinking: Option<Text<'a>>,
    #[serde(borrow, default)]
    signature: Option<Text<'a>>,
    #[serde(borrow, default)]
    citations: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(borrow, default)]
    tool_use_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Citation<'a> {
    #[serde(borrow, default)]
    url: Option<Text<'a>>,
    #[serde(borrow, default)]
    title: Option<Text<'a>>,
}

impl Block {
    pub(super) fn start(
        raw: &RawValue,
        assembly: &mut Assembly,
        tool_names: &mut HashMap<String, String>,
        out: &mut Vec<Event>,
    ) -> Result<Self, Failure> {
        let start: Start<'_> = serde_json::from_str(raw.get())
            .map_err(|error| Failure::protocol(format!("a block cannot be read: {error}")))?;
        Ok(match text(&start.kind) {
            "text" => start_text(&start, assembly, out),
            "thinking" => {
                let mut part = assembly.open(Kind::Reasoning { redacted: false }, out);
                part.append(text(&start.thinking), out);
                Self::Thinking { part, signature: text(&start.signature).to_owned() }
            }
            "redacted_thinking" => {
                let reasoning = Reasoning { text: String::new(), redacted: true };
                let data = metadata(NAMESPACE, REDACTED_THINKING, raw.get().to_owned());
                assembly.add(part_of(Body::Reasoning(reasoning), data), out);
                Self::Whole
            }
            "tool_use" => Self::start_call(&start, raw, true, assembly, out),
            kind if kind.ends_with("_tool_use") => {
                tool_names.insert(text(&start.id).to_owned(), text(&start.name).to_owned());
                Self::start_call(&start, raw, false, assembly, out)
            }
            kind if kind.ends_with("_tool_result") => {
                let name = tool_names.get(text(&start.tool_use_id)).cloned();
                let name = name.unwrap_or_else(|| kind.trim_end_matches("_tool_result").to_owned());
                add_result(&start, name, raw, assembly, out);
                Self::Whole
            }
            _ => Self::Unknown { raw: raw.to_owned(), in_pieces: false },
        })
    }

    fn start_call(
        start: &Start<'_>,
        raw: &RawValue,
        is_ours: bool,
        assembly: &mut Assembly,
        out: &mut Vec<Event>,
    ) -> Self {
        // What the provider runs keeps its identifier: call and result return as they came.
        let id = match is_ours {
            true => assembly.call_id(text(&start.id)).0,
            false => text(&start.id).to_owned(),
        };
        let kind = Kind::Call { id, name: text(&start.name).to_owned(), provider_executed: !is_ours };
        Self::Call { part: assembly.open(kind, out), raw: raw.to_owned(), is_ours }
    }

    pub(super) fn append(&mut self, delta: &Delta<'_>, out: &mut Vec<Event>) {
        match self {
            Self::Text { part, sources } => {
                part.append(text(&delta.text), out);
                if let Some(citation) = delta.citation {
                    cite(part, sources, citation);
                }
            }
            Self::Thinking { part, signature } => {
                part.append(text(&delta.thinking), out);
                if let Some(whole) = delta.signature.as_ref().filter(|whole| !whole.0.is_empty()) {
                    (*whole.0).clone_into(signature);
                }
            }
            Self::Call { part, .. } => part.append(text(&delta.partial_json), out),
            Self::Unknown { in_pieces, .. } => *in_pieces = true,
            Self::Whole => {}
        }
    }

    pub(super) fn close(self, assembly: &mut Assembly, out: &mut Vec<Event>) {
        match self {
            Self::Text { part, sources } => {
                part.close(out);
                for source in sources {
                    assembly.add(Part { body: Some(Body::Source(source)), ..Part::default() }, out);
                }
            }
            Self::Thinking { mut part, signature } => {
                if !signature.is_empty() {
                    part.metadata.push(metadata_of(NAMESPACE, THINKING_SIGNATURE, &signature));
                }
                part.close(out);
            }
            Self::Call { part, raw, is_ours } => close_call(part, &raw, is_ours, assembly, out),
            Self::Unknown { raw, in_pieces: false } => {
                let data = metadata(NAMESPACE, RAW, raw.get().to_owned());
                assembly.add(part_of(Body::Text(String::new()), data), out);
            }
            Self::Unknown { in_pieces: true, .. } => {
                assembly.warn(ODD_STREAM, "a block of an unknown type was left out", out);
            }
            Self::Whole => {}
        }
    }
}

fn part_of(body: Body, data: ProviderMetadata) -> Part {
    Part { body: Some(body), provider_metadata: vec![data], ..Part::default() }
}

fn start_text(start: &Start<'_>, assembly: &mut Assembly, out: &mut Vec<Event>) -> Block {
    let mut part = assembly.open(Kind::Text, out);
    part.append(text(&start.text), out);
    let mut sources = Vec::new();
    for citation in start.citations.iter().flatten() {
        cite(&mut part, &mut sources, citation);
    }
    Block::Text { part, sources }
}

/// Keeps a citation with the text, and its address as a source where it has one.
fn cite(part: &mut OpenPart, sources: &mut Vec<Source>, raw: &RawValue) {
    part.metadata.push(metadata(NAMESPACE, CITATION, raw.get().to_owned()));
    if let Ok(citation) = serde_json::from_str::<Citation<'_>>(raw.get()) {
        let source = source_of(&citation);
        if !source.url.is_empty() && !sources.iter().any(|known| known.url == source.url) {
            sources.push(source);
        }
    }
}

fn source_of(citation: &Citation<'_>) -> Source {
    Source { source_id: String::new(), url: text(&citation.url).to_owned(), title: text(&citation.title).to_owned() }
}

/// Adds what a tool of the provider's returned. The readable part of it becomes the result; the
/// block itself, which may be encrypted, returns to the provider.
fn add_result(start: &Start<'_>, name: String, raw: &RawValue, assembly: &mut Assembly, out: &mut Vec<Event>) {
    let content = start.content.map(RawValue::get).unwrap_or("null");
    let mut content: Value = serde_json::from_str(content).unwrap_or_default();
    let error = content.get("error_code").cloned();
    let is_error = error.is_some();
    for entry in content.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        entry.retain(|key, _| !key.starts_with("encrypted_"));
    }
    let result = match error {
        Some(error) => json!({ "error": error }),
        None => json!({ "content": content }),
    };
    let result = ToolResult {
        call_id: text(&start.tool_use_id).to_owned(),
        name,
        result: result.to_string(),
        is_error,
        provider_executed: true,
        ..ToolResult::default()
    };
    let data = metadata(NAMESPACE, SERVER_TOOL, raw.get().to_owned());
    assembly.add(part_of(Body::ToolResult(result), data), out);
}

/// Completes a call. Its arguments are the pieces or, where none came, what its start held.
fn close_call(mut part: OpenPart, raw: &RawValue, is_ours: bool, assembly: &mut Assembly, out: &mut Vec<Event>) {
    let mut fields: Map<String, Value> = serde_json::from_str(raw.get()).unwrap_or_default();
    let came_in_pieces = !part.text().trim().is_empty();
    if !came_in_pieces
        && let Some(input) = fields.get("input").and_then(Value::as_object)
        && !input.is_empty()
    {
        let input = raw_input(raw).unwrap_or_default();
        part.append(&input, out);
    }
    if came_in_pieces && !is_object(part.text()) {
        assembly.warn(INVALID_ARGS, "the arguments of a call are not a JSON object", out);
    }
    if is_ours {
        let more = uncommon_fields(fields);
        if !more.is_empty() {
            part.metadata.push(metadata_of(NAMESPACE, TOOL_USE, &more));
        }
    } else if came_in_pieces {
        let input = serde_json::from_str(part.text()).unwrap_or_else(|_| json!({}));
        fields.insert("input".to_owned(), input);
        part.metadata.push(metadata_of(NAMESPACE, SERVER_TOOL, &fields));
    } else {
        part.metadata.push(metadata(NAMESPACE, SERVER_TOOL, raw.get().to_owned()));
    }
    part.close_call(out);
}

/// The input of a block as the provider wrote it.
fn raw_input(raw: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct WithInput<'a> {
        #[serde(borrow)]
        input: &'a RawValue,
    }
    let block: WithInput<'_> = serde_json::from_str(raw.get()).ok()?;
    Some(block.input.get().to_owned())
}

/// What a `tool_use` block says beside the fields that the contract has, and beside the caller
/// that every call has.
fn uncommon_fields(mut fields: Map<String, Value>) -> Map<String, Value> {
    for common in ["type", "id", "name", "input"] {
        fields.remove(common);
    }
    if fields.get("caller").is_some_and(|caller| caller == &json!({ "type": "direct" })) {
        fields.remove("caller");
    }
    fields
}

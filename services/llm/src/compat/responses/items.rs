//! The items of an answer: which item each part is, and what rides in it.

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, Source, ToolCall};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::compat::carried::{Carried, Of, returning};
use crate::compat::kinds::{ANNOTATIONS, RAW, RESPONSES, SERVER_TOOL, find};
use crate::compat::search::{UrlCitation, query};
use crate::compat::wire::json_text;

/// What the identifiers of our items have behind their prefix. Providers are not told of them.
pub(in crate::compat) const OWN: &str = "_cm_";

/// An item of the answer.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item<'a> {
    Message {
        id: &'a str,
        status: &'static str,
        role: &'static str,
        content: &'a [Content<'a>],
    },
    Reasoning {
        id: &'a str,
        summary: &'a [Summary<'a>],
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<&'a str>,
    },
    FunctionCall {
        id: &'a str,
        status: &'static str,
        call_id: &'a str,
        name: &'a str,
        arguments: &'a str,
    },
    WebSearchCall {
        id: &'a str,
        status: &'static str,
        action: &'a RawValue,
    },
    ImageGenerationCall {
        id: &'a str,
        status: &'static str,
        result: Option<String>,
    },
}

/// A text of a message.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "output_text")]
pub(super) struct Content<'a> {
    pub(super) text: &'a str,
    pub(super) annotations: &'a [Box<RawValue>],
    pub(super) logprobs: [(); 0],
}

/// A section of a summary.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "summary_text")]
pub(super) struct Summary<'a> {
    pub(super) text: &'a str,
}

/// An item that is given back as it came.
pub(super) fn native(part: &Part) -> Option<&str> {
    let kind = match part.body.as_ref()? {
        Body::Text(text) if text.is_empty() => RAW,
        Body::ToolCall(call) if call.provider_executed => SERVER_TOOL,
        _ => return None,
    };
    find(part, RESPONSES, kind).filter(|json| json.starts_with('{') && !json.contains(['\n', '\r']))
}

/// Whether a result belongs to an item that was given back as it came.
pub(super) fn is_native_result(part: &Part) -> bool {
    find(part, RESPONSES, SERVER_TOOL).is_some()
}

/// What carries what must return of the part before.
pub(super) fn rider(part: &Part, has_reasoned: bool) -> Option<String> {
    let returning = returning(part, has_reasoned, |_| false);
    (!returning.is_empty()).then(|| Carried::new(Of::Before, returning).seal())
}

/// What returns of a thought.
pub(super) fn encrypted(part: &Part) -> Option<String> {
    let Some(Body::Reasoning(reasoning)) = &part.body else { return None };
    let of = Of::Reasoning { text: String::new(), redacted: reasoning.redacted };
    let is_empty = part.provider_metadata.is_empty();
    (!is_empty).then(|| Carried::new(of, &part.provider_metadata).seal())
}

/// The citations that OpenAI gave.
pub(super) fn native_annotations(part: &Part) -> Vec<Box<RawValue>> {
    find(part, RESPONSES, ANNOTATIONS).and_then(|list| serde_json::from_str(list).ok()).unwrap_or_default()
}

/// A source of another provider's, as a citation of the text before it.
pub(super) fn annotation(source: &Source, length: usize) -> Option<Box<RawValue>> {
    RawValue::from_string(json_text(&UrlCitation::tagged(source, length))).ok()
}

/// What a search was asked for.
pub(super) fn action(call: &ToolCall) -> Box<RawValue> {
    #[derive(Serialize)]
    struct Search {
        r#type: &'static str,
        query: String,
    }
    RawValue::from_string(json_text(&Search { r#type: "search", query: query(call) })).unwrap_or_default()
}

/// The bytes of an image that the model made.
pub(super) fn image(file: &File) -> Option<String> {
    let is_inline = file.media_type.starts_with("image/") && !file.data.is_empty();
    is_inline.then(|| Base64Display::new(&file.data, &STANDARD).to_string())
}

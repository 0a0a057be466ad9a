//! Writes an answer as one document, and decides what of it rides along.

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, ProviderMetadata};
use chatmesh_proto::llm::v1::Finish;
use serde::Serialize;
use serde_json::value::RawValue;

use super::stream::{Annotation, Last, Place, entry};
use super::{AFTER_TEXT, PARAGRAPH, finish_reason};
use crate::compat::Echo;
use crate::compat::carried::{Carried, Of, returning};
use crate::compat::kinds::{DETAILED, GOOGLE, REASONING_DETAILS, THOUGHT_SIGNATURE, find};
use crate::compat::usage::ChatUsage;

/// An image that the model made, where OpenRouter's clients look for it.
#[derive(Debug, Serialize)]
pub(super) struct Image<'a> {
    /// In streams, where lists grow by the numbers of their entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    r#type: &'static str,
    image_url: ImageUrl<'a>,
}

#[derive(Debug, Serialize)]
struct ImageUrl<'a> {
    #[serde(serialize_with = "data_url")]
    url: &'a File,
}

impl<'a> Image<'a> {
    pub(super) fn new(file: &'a File, index: Option<usize>) -> Self {
        Self { index, r#type: "image_url", image_url: ImageUrl { url: file } }
    }
}

fn data_url<S: serde::Serializer>(file: &&File, serializer: S) -> Result<S::Ok, S::Error> {
    if !file.url.is_empty() {
        return serializer.serialize_str(&file.url);
    }
    let data = Base64Display::new(&file.data, &STANDARD);
    serializer.collect_str(&format_args!("data:{};base64,{data}", file.media_type))
}

/// A signature of Gemini's that has a field of its own, as JSON.
pub(super) fn native_signature(part: &Part) -> Option<&str> {
    let is_visible = match &part.body {
        Some(Body::Text(text)) => !text.is_empty(),
        Some(Body::ToolCall(call)) => !call.provider_executed,
        _ => false,
    };
    let signature = find(part, GOOGLE, THOUGHT_SIGNATURE).filter(|_| is_visible);
    // What stands in the middle of a chunk must be what it claims to be.
    signature.filter(|json| serde_json::from_str::<&RawValue>(json).is_ok_and(|raw| raw.get().starts_with('"')))
}

/// What rides in `reasoning_details` for a part: a JSON array. Details of a server that speaks
/// this protocol go as they came.
pub(super) fn carried_entries(part: &Part, place: &mut Place, written: &mut usize) -> Option<String> {
    let has_native_signature = native_signature(part).is_some();
    let is_native =
        |datum: &ProviderMetadata| has_native_signature && datum.namespace == GOOGLE && datum.kind == THOUGHT_SIGNATURE;
    let returning = returning(part, place.has_reasoned, is_native);
    let mut add = |carried: Carried, after: &str| {
        let entry = entry(&carried.after(after), *written);
        *written += 1;
        Some(format!("[{entry}]"))
    };
    match part.body.as_ref()? {
        Body::Reasoning(reasoning) => {
            place.has_reasoned |= !returning.is_empty();
            match returning.as_slice() {
                [] => None,
                [only] if DETAILED.contains(&only.namespace.as_str()) && only.kind == REASONING_DETAILS => {
                    let native = std::str::from_utf8(&only.json).ok()?;
                    let entries: Vec<&RawValue> = serde_json::from_str(native).ok()?;
                    *written += entries.len();
                    Some(native.to_owned())
                }
                _ => {
                    let of = Of::Reasoning { text: reasoning.text.clone(), redacted: reasoning.redacted };
                    add(Carried::new(of, returning), &place.after)
                }
            }
        }
        _ if returning.is_empty() => None,
        Body::ToolCall(call) if call.provider_executed => add(Carried::whole(part)?, &place.after),
        Body::ToolCall(call) => add(Carried::new(Of::Before, returning), &call.call_id),
        Body::ToolResult(_) => add(Carried::whole(part)?, &place.after),
        Body::Text(text) if text.is_empty() => add(Carried::whole(part)?, &place.after),
        Body::Text(_) => add(Carried::new(Of::Before, returning), AFTER_TEXT),
        _ => None,
    }
}

/// The message of an answer.
#[derive(Default, Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<String>,
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasoning_details: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Extra<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<Image<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
}

#[derive(Serialize)]
struct Call<'a> {
    id: &'a str,
    r#type: &'static str,
    function: Function<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Extra<'a>>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: &'a str,
}

#[derive(Serialize)]
struct Extra<'a> {
    google: Signed<'a>,
}

#[derive(Serialize)]
struct Signed<'a> {
    thought_signature: &'a RawValue,
}

impl<'a> Extra<'a> {
    fn of(part: &'a Part) -> Option<Self> {
        let thought_signature = serde_json::from_str(native_signature(part)?).ok()?;
        Some(Self { google: Signed { thought_signature } })
    }
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    message: Message<'a>,
    logprobs: Option<()>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Completion<'a> {
    id: String,
    object: &'static str,
    created: i64,
    model: &'a str,
    system_fingerprint: Option<()>,
    choices: [Choice<'a>; 1],
    usage: Option<ChatUsage>,
}

pub(in crate::compat) fn whole(echo: &Echo, parts: &[Part], finish: &Finish) -> Bytes {
    let message = message(parts);
    let reason = finish_reason(finish.reason(), !message.tool_calls.is_empty());
    let completion = Completion {
        id: format!("chatcmpl-{}", echo.id),
        object: "chat.completion",
        created: echo.created,
        model: &echo.model,
        system_fingerprint: None,
        choices: [Choice { index: 0, message, logprobs: None, finish_reason: reason }],
        usage: finish.usage.as_ref().map(ChatUsage::of),
    };
    Bytes::from(serde_json::to_vec(&completion).unwrap_or_default())
}

fn message(parts: &[Part]) -> Message<'_> {
    let mut message = Message { role: "assistant", ..Message::default() };
    let (mut last, mut place, mut written) = (Last::Nothing, Place::default(), 0);
    for part in parts {
        match &part.body {
            Some(Body::Text(text)) if !text.is_empty() => {
                append(&mut message.content, text, last != Last::Text);
                AFTER_TEXT.clone_into(&mut place.after);
                last = Last::Text;
            }
            Some(Body::Reasoning(reasoning)) if !reasoning.text.is_empty() => {
                append(&mut message.reasoning_content, &reasoning.text, true);
                last = Last::Thought;
            }
            Some(Body::ToolCall(call)) if !call.provider_executed => {
                call.call_id.clone_into(&mut place.after);
                message.tool_calls.push(Call {
                    id: &call.call_id,
                    r#type: "function",
                    function: Function { name: &call.name, arguments: &call.args },
                    extra_content: Extra::of(part),
                });
                last = Last::Other;
            }
            Some(Body::Source(source)) => {
                let length = message.content.as_ref().map_or(0, String::len);
                message.annotations.push(Annotation::new(source, length, None));
                continue;
            }
            Some(Body::File(file)) => {
                message.images.push(Image::new(file, None));
                last = Last::Other;
            }
            Some(Body::ToolCall(_) | Body::ToolResult(_)) => last = Last::Other,
            _ => {}
        }
        if matches!(part.body, Some(Body::Text(_))) {
            message.extra_content = Extra::of(part).or(message.extra_content);
        }
        let entries = carried_entries(part, &mut place, &mut written);
        let entries = entries.and_then(|list| serde_json::from_str::<Vec<Box<RawValue>>>(&list).ok());
        message.reasoning_details.extend(entries.into_iter().flatten());
    }
    message
}

fn append(said: &mut Option<String>, text: &str, is_apart: bool) {
    let said = said.get_or_insert_default();
    if is_apart && !said.is_empty() {
        said.push_str(PARAGRAPH);
    }
    said.push_str(text);
}

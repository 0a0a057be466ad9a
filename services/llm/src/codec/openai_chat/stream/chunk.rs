//! The wire format of answers. Texts stay raw until they are looked at, so that a field of an
//! odd type costs that field and not the answer.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::codec::json::{Text, count, string_of};

/// A piece of an answer, or a whole one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chunk<'a> {
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) model: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) x_groq: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice<'a> {
    #[serde(deserialize_with = "count")]
    pub(super) index: Option<u32>,
    /// Some servers repeat the whole message beside the piece, so these are two fields.
    #[serde(borrow)]
    pub(super) delta: Option<Delta<'a>>,
    #[serde(borrow)]
    pub(super) message: Option<Delta<'a>>,
    #[serde(borrow)]
    pub(super) finish_reason: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Delta<'a> {
    #[serde(borrow)]
    pub(super) content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) reasoning_details: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) annotations: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) tool_calls: Option<Vec<CallDelta<'a>>>,
    /// The form of a call from before there were several.
    #[serde(borrow)]
    pub(super) function_call: Option<Function<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CallDelta<'a> {
    #[serde(deserialize_with = "count")]
    pub(super) index: Option<u32>,
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) function: Option<Function<'a>>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Function<'a> {
    #[serde(borrow)]
    pub(super) name: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) arguments: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WithUsage<'a> {
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ContentPart<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Annotation<'a> {
    #[serde(borrow)]
    url_citation: UrlCitation<'a>,
}

/// An address that the model cites.
#[derive(Deserialize)]
pub(super) struct UrlCitation<'a> {
    #[serde(borrow)]
    pub(super) url: Text<'a>,
    #[serde(borrow, default)]
    pub(super) title: Option<Text<'a>>,
}

pub(super) fn parse(data: &str) -> serde_json::Result<Chunk<'_>> {
    serde_json::from_str(data)
}

impl<'a> Chunk<'a> {
    /// The usage, wherever this server puts it.
    pub(super) fn usage(&self) -> Option<&'a RawValue> {
        let of_choice = || self.choices.iter().flatten().find_map(|choice| choice.usage);
        let of_groq = || {
            let groq: WithUsage<'a> = serde_json::from_str(self.x_groq?.get()).ok()?;
            groq.usage
        };
        self.usage.or_else(of_choice).or_else(of_groq)
    }
}

/// The text of a field; empty where it is missing or something else.
pub(super) fn string<'a>(field: Option<&'a RawValue>) -> Cow<'a, str> {
    field.and_then(string_of).unwrap_or_default()
}

/// The text of a message, which some servers send as a list of parts.
pub(super) fn content<'a>(field: Option<&'a RawValue>) -> Cow<'a, str> {
    let Some(raw) = field.map(RawValue::get).filter(|raw| raw.starts_with('[')) else {
        return string(field);
    };
    let parts: Vec<ContentPart<'_>> = serde_json::from_str(raw).unwrap_or_default();
    let texts = parts.into_iter().filter_map(|part| part.text);
    Cow::Owned(texts.map(|text| text.0.into_owned()).collect())
}

/// Whether a field holds an error and not a placeholder for none.
pub(super) fn is_error(field: Option<&RawValue>) -> bool {
    field.is_some_and(|raw| !matches!(raw.get(), "{}" | "\"\"" | "false"))
}

/// The addresses in a list of annotations.
pub(super) fn citations(raw: &RawValue) -> impl Iterator<Item = UrlCitation<'_>> {
    let list: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
    list.into_iter()
        .filter_map(|raw| serde_json::from_str::<Annotation<'_>>(raw.get()).ok())
        .map(|annotation| annotation.url_citation)
}

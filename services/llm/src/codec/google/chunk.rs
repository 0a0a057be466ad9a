//! The wire format of an answer: every chunk has the same fields, and so has the whole.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::codec::json::{Text, lenient};

/// A piece of an answer. A field that is not what it should be counts as missing.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Chunk<'a> {
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) candidates: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    pub(super) usage_metadata: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) model_version: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) response_id: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) prompt_feedback: Option<Feedback<'a>>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

/// What the provider says of a prompt that it does not answer.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Feedback<'a> {
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) block_reason: Option<Text<'a>>,
}

/// One of the answers, of which we ask for one.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) content: Option<Content<'a>>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) finish_reason: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) finish_message: Option<Text<'a>>,
    #[serde(deserialize_with = "lenient")]
    pub(super) index: Option<u32>,
    #[serde(deserialize_with = "lenient")]
    pub(super) grounding_metadata: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Content<'a> {
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) parts: Option<Vec<&'a RawValue>>,
}

/// What is known of a part. One of which nothing is known, or that is not what it should be, is
/// kept as it came.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Part<'a> {
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(deserialize_with = "lenient")]
    pub(super) thought: Option<bool>,
    #[serde(borrow)]
    pub(super) thought_signature: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) function_call: Option<FunctionCall<'a>>,
    #[serde(borrow)]
    pub(super) inline_data: Option<InlineData<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct FunctionCall<'a> {
    #[serde(borrow, deserialize_with = "lenient")]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) args: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct InlineData<'a> {
    #[serde(borrow)]
    pub(super) mime_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) data: Option<Text<'a>>,
}

/// Reads an object of which any field may be odd; one that is no object has no fields.
pub(super) fn read<'a, T: Default + Deserialize<'a>>(raw: &'a RawValue) -> T {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

//! The wire format of a request. Everything is borrowed from the conversation.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::codec::attachment::{Address, Base64};

#[derive(Debug, Serialize)]
pub(super) struct Body<'a> {
    pub(super) model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) instructions: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) previous_response_id: Option<&'a str>,
    pub(super) input: Vec<Item<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tools: Vec<AnyTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_choice: Option<ToolChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_tool_calls: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_output_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning: Option<ReasoningOptions<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<TextOptions<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) include: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prompt_cache_key: Option<&'a str>,
    pub(super) store: bool,
    pub(super) stream: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct ReasoningOptions<'a> {
    pub(super) effort: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary: Option<&'static str>,
}

/// How the answer's text is to be.
#[derive(Debug, Serialize)]
pub(super) struct TextOptions<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<TextFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verbosity: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum TextFormat<'a> {
    JsonSchema {
        name: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        schema: Cow<'a, RawValue>,
        strict: bool,
    },
    JsonObject,
}

/// An item: one that we write, or one of the provider's that returns as it came.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Item<'a> {
    Ours(Ours<'a>),
    Whole(Map<String, Value>),
    Raw(&'a RawValue),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Ours<'a> {
    Message {
        role: Role,
        content: Vec<Content<'a>>,
        #[serde(flatten)]
        more: Map<String, Value>,
    },
    FunctionCall {
        call_id: String,
        name: &'a str,
        arguments: &'a str,
        #[serde(flatten)]
        more: Map<String, Value>,
    },
    FunctionCallOutput {
        call_id: String,
        output: Output<'a>,
    },
}

/// What a tool returned: a text, or a text and files.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Output<'a> {
    Text(&'a str),
    Contents(Vec<Content<'a>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    System,
    Developer,
    User,
    Assistant,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Content<'a> {
    InputText { text: Cow<'a, str> },
    InputImage { image_url: Address<'a>, detail: &'static str },
    InputFile(InputFile<'a>),
    OutputText { text: Cow<'a, str>, annotations: Cow<'a, RawValue> },
    Refusal { refusal: Cow<'a, str> },
}

/// A document: its name and its bytes, or its address.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum InputFile<'a> {
    Data { filename: &'a str, file_data: Base64<'a> },
    Url { file_url: &'a str },
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ToolKind {
    Function,
}

/// A tool of ours, or one that the provider runs.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum AnyTool<'a> {
    Ours(Tool<'a>),
    WebSearch(WebSearchTool<'a>),
}

#[derive(Debug, Serialize)]
pub(super) struct WebSearchTool<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filters: Option<SearchFilters<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) search_context_size: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(super) struct SearchFilters<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) allowed_domains: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) blocked_domains: &'a [String],
}

/// How the model may use its tools: a word, or the one that it must call.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum ToolChoice<'a> {
    Word(&'static str),
    One {
        #[serde(rename = "type")]
        kind: ToolKind,
        name: &'a str,
    },
}

#[derive(Debug, Serialize)]
pub(super) struct Tool<'a> {
    #[serde(rename = "type")]
    pub(super) kind: ToolKind,
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) description: &'a str,
    pub(super) parameters: Cow<'a, RawValue>,
    /// The strict mode allows only some schemas.
    pub(super) strict: bool,
}

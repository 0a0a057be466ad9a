//! The blocks of an answer: which block each part is, and what rides in it.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, ProviderMetadata, Reasoning, Source, ToolCall, ToolResult};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::compat::carried::{Carried, Of, returning};
use crate::compat::kinds::{
    ANTHROPIC, CITATION, RAW, REDACTED_THINKING, SERVER_TOOL, THINKING_SIGNATURE, all, find, find_string,
};
use crate::compat::search::{Page, WEB_SEARCH, pages, query};
use crate::compat::wire::json_text;

/// A block of a known type.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text {
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        citations: Option<Vec<Box<RawValue>>>,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        input: &'a RawValue,
    },
    ServerToolUse {
        id: &'a str,
        name: &'a str,
        input: &'a RawValue,
    },
    WebSearchToolResult {
        tool_use_id: &'a str,
        content: SearchContent,
    },
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum SearchContent {
    Pages(Vec<Page>),
    Error { r#type: &'static str, error_code: &'static str },
}

#[derive(Serialize)]
struct Citation<'a> {
    r#type: &'static str,
    cited_text: &'static str,
    url: &'a str,
    title: &'a str,
    encrypted_index: &'static str,
}

/// A source of another provider's, as a citation. The empty index tells it apart when it returns.
pub(super) fn citation(source: &Source) -> String {
    let Source { url, title, .. } = source;
    json_text(&Citation { r#type: "web_search_result_location", cited_text: "", url, title, encrypted_index: "" })
}

/// The citations that Anthropic gave.
pub(super) fn native_citations(part: &Part) -> Vec<Box<RawValue>> {
    all(part, ANTHROPIC, CITATION).filter_map(|json| RawValue::from_string(json.to_owned()).ok()).collect()
}

/// A block that is given back as it came.
pub(super) fn native(part: &Part) -> Option<Box<RawValue>> {
    let kind = match part.body.as_ref()? {
        Body::Text(text) if text.is_empty() => RAW,
        Body::Reasoning(_) => REDACTED_THINKING,
        Body::ToolCall(call) if call.provider_executed => SERVER_TOOL,
        Body::ToolResult(_) => SERVER_TOOL,
        _ => return None,
    };
    RawValue::from_string(find(part, ANTHROPIC, kind)?.to_owned()).ok().filter(|raw| raw.get().starts_with('{'))
}

/// The block that carries what must return of the part before.
pub(super) fn rider(part: &Part, has_reasoned: bool) -> Option<String> {
    let is_native = |datum: &ProviderMetadata| {
        datum.namespace == ANTHROPIC && matches!(datum.kind.as_str(), CITATION | RAW | SERVER_TOOL)
    };
    let returning = returning(part, has_reasoned, is_native);
    (!returning.is_empty()).then(|| Carried::new(Of::Before, returning).seal())
}

/// How a thought is signed.
pub(super) enum Signature {
    /// Not at all.
    None,
    /// By a text beside it.
    Beside(String),
    /// It is hidden, in a block of its own.
    Hidden(String),
}

/// The signature of a thought: Anthropic's as it came, and for others what they want back.
pub(super) fn signature(part: &Part, reasoning: &Reasoning) -> Signature {
    if let [only] = part.provider_metadata.as_slice()
        && only.namespace == ANTHROPIC
        && only.kind == THINKING_SIGNATURE
        && let Some(signature) = find_string(part, ANTHROPIC, THINKING_SIGNATURE)
    {
        return Signature::Beside(signature);
    }
    // A thought that nobody signed is marked all the same: another provider would miss a signature.
    if part.provider_metadata.is_empty() && reasoning.text.is_empty() {
        return Signature::None;
    }
    let of = Of::Reasoning { text: String::new(), redacted: reasoning.redacted };
    let sealed = Carried::new(of, &part.provider_metadata).seal();
    match reasoning.text.is_empty() {
        true => Signature::Hidden(sealed),
        false => Signature::Beside(sealed),
    }
}

/// What a search of another provider's was asked for: the arguments as Anthropic's tool has them.
pub(super) fn search_input(call: &ToolCall) -> String {
    #[derive(Serialize)]
    struct Input {
        query: String,
    }
    json_text(&Input { query: query(call) })
}

/// Whether a tool that a provider ran can be shown.
pub(super) fn is_search(name: &str) -> bool {
    name == WEB_SEARCH
}

pub(super) fn search_content(result: &ToolResult) -> SearchContent {
    match result.is_error {
        true => SearchContent::Error { r#type: "web_search_tool_result_error", error_code: "unavailable" },
        false => SearchContent::Pages(pages(result)),
    }
}

/// What stands for a file that the model made: the protocol has no place for one.
pub(super) fn file_note(file: &File) -> String {
    let name = if file.name.is_empty() { "a file" } else { &file.name };
    format!("[The model made {name} ({}), which this protocol cannot carry.]", file.media_type)
}

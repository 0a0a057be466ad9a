//! Searches that a provider ran, as other protocols show them.

use chatmesh_proto::common::v1::{Source, ToolCall, ToolResult};
use serde::Serialize;
use serde_json::Value;

/// What every protocol calls the tool.
pub(super) const WEB_SEARCH: &str = "web_search";

/// What was searched for.
pub(super) fn query(call: &ToolCall) -> String {
    let args: Value = serde_json::from_str(&call.args).unwrap_or_default();
    let queries = args.get("queries").and_then(Value::as_array).and_then(|queries| queries.first());
    let query = args.get("query").or(queries).or_else(|| args.get("url"));
    query.and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A page that was found, in Messages.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "web_search_result")]
pub(super) struct Page {
    url: String,
    title: String,
    encrypted_content: &'static str,
    page_age: Option<String>,
}

/// The pages that a result names, wherever its provider lists them.
pub(super) fn pages(result: &ToolResult) -> Vec<Page> {
    let result: Value = serde_json::from_str(&result.result).unwrap_or_default();
    let lists = ["content", "results", "sources", "result"];
    let list = lists.iter().find_map(|name| result.get(name).and_then(Value::as_array));
    let text = |page: &Value, name: &str| page.get(name).and_then(Value::as_str).map(str::to_owned);
    let page = |page: &Value| {
        Some(Page {
            url: text(page, "url").or_else(|| text(page, "uri"))?,
            title: text(page, "title").unwrap_or_default(),
            encrypted_content: "",
            page_age: text(page, "page_age"),
        })
    };
    list.into_iter().flatten().filter_map(page).collect()
}

/// An address that a text cites, in the protocols of OpenAI.
#[derive(Debug, Serialize)]
pub(super) struct UrlCitation<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    start_index: usize,
    end_index: usize,
    url: &'a str,
    title: &'a str,
}

impl<'a> UrlCitation<'a> {
    /// Where in the text it is cited, nobody said: it is the whole text.
    pub(super) fn new(source: &'a Source, length: usize) -> Self {
        Self { r#type: None, start_index: 0, end_index: length, url: &source.url, title: &source.title }
    }

    pub(super) fn tagged(source: &'a Source, length: usize) -> Self {
        Self { r#type: Some("url_citation"), ..Self::new(source, length) }
    }
}

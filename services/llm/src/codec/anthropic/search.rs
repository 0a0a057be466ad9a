//! The provider's own search of the web.

use chatmesh_proto::llm::v1::{ModelOptions, Warning};

use super::types::WebSearchTool;
use crate::classify::Failure;
use crate::codec::settings::{unsupported, web_search};

/// The version of the tool that every model with a search has.
const KIND: &str = "web_search_20250305";

/// The tool, where the model may search.
pub(super) fn tool<'a>(
    options: &'a ModelOptions,
    warnings: &mut Vec<Warning>,
) -> Result<Option<WebSearchTool<'a>>, Failure> {
    let Some(search) = web_search(options)? else { return Ok(None) };
    let settings = [("web_search.context_size", !search.context_size.is_empty())];
    unsupported(&settings, "the provider has no such option", warnings);
    Ok(Some(WebSearchTool {
        kind: KIND,
        name: "web_search",
        max_uses: search.max_uses.filter(|uses| *uses > 0),
        allowed_domains: &search.allowed_domains,
        blocked_domains: &search.blocked_domains,
    }))
}

//! What a call may ask for beside the conversation: a format, a search, and what there is not.

use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, Warning, WebSearch};

use super::types::{SearchFilters, TextFormat, TextOptions, WebSearchTool};
use crate::codec::settings::{self, Format, non_empty, unsupported};

/// The format of the answer and how many words it is to have.
pub(super) fn text_options<'a>(
    request: &'a GenerateRequest,
    options: &'a ModelOptions,
    warnings: &mut Vec<Warning>,
) -> Option<TextOptions<'a>> {
    let format = settings::format(request, warnings).map(|format| {
        let Format { name, description, schema, is_strict } = format;
        match schema {
            Some(schema) => {
                TextFormat::JsonSchema { name, description: non_empty(description), schema, strict: is_strict }
            }
            None => TextFormat::JsonObject,
        }
    });
    let verbosity = settings::text(&options.verbosity);
    (format.is_some() || verbosity.is_some()).then_some(TextOptions { format, verbosity })
}

/// The tool with which the model searches the web.
pub(super) fn search_tool(search: &WebSearch) -> WebSearchTool<'_> {
    let WebSearch { allowed_domains, blocked_domains, context_size, .. } = search;
    let has_filters = !allowed_domains.is_empty() || !blocked_domains.is_empty();
    WebSearchTool {
        kind: "web_search",
        filters: has_filters.then_some(SearchFilters { allowed_domains, blocked_domains }),
        search_context_size: non_empty(context_size),
    }
}

/// What other protocols have and this one does not.
pub(super) fn warn_of_unsupported(request: &GenerateRequest, options: &ModelOptions, warnings: &mut Vec<Warning>) {
    let settings = [
        ("presence_penalty", options.presence_penalty.is_some()),
        ("frequency_penalty", options.frequency_penalty.is_some()),
        ("seed", options.seed.is_some()),
        ("stop_sequences", !request.stop_sequences.is_empty()),
    ];
    unsupported(&settings, "the provider has no such option", warnings);
}

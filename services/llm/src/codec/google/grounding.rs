//! What the provider searched for and found, as a call that it ran itself.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, Source, ToolCall, ToolResult};
use serde_json::{Value, json};

use super::{GROUNDING, NAMESPACE};
use crate::codec::Event;
use crate::codec::assembly::Assembly;
use crate::codec::metadata::metadata_of;

/// What the search is called, whoever ran it.
const NAME: &str = "web_search";

/// Adds a call, its result and the sources; nothing where there was no search.
pub(super) fn report(grounding: &Value, assembly: &mut Assembly, out: &mut Vec<Event>) {
    let queries = &grounding["webSearchQueries"];
    let chunks = grounding["groundingChunks"].as_array().into_iter().flatten();
    let found: Vec<_> = chunks.map(|chunk| &chunk["web"]).filter(|web| web["uri"].is_string()).collect();
    if found.is_empty() && !queries.is_array() {
        return;
    }
    let (call_id, _) = assembly.call_id("");
    let call = ToolCall {
        call_id: call_id.clone(),
        name: NAME.to_owned(),
        args: json!({ "queries": queries }).to_string(),
        provider_executed: true,
        ..ToolCall::default()
    };
    let result = ToolResult {
        call_id,
        name: NAME.to_owned(),
        result: json!({ "sources": found }).to_string(),
        provider_executed: true,
        ..ToolResult::default()
    };
    for (body, data) in [(Body::ToolCall(call), queries), (Body::ToolResult(result), grounding)] {
        let provider_metadata = vec![metadata_of(NAMESPACE, GROUNDING, data)];
        assembly.add(Part { body: Some(body), provider_metadata, ..Part::default() }, out);
    }
    for (number, web) in found.into_iter().enumerate() {
        let word = |key: &str| web[key].as_str().unwrap_or_default().to_owned();
        let source = Source { source_id: format!("source-{number}"), url: word("uri"), title: word("title") };
        assembly.add(Part { body: Some(Body::Source(source)), ..Part::default() }, out);
    }
}

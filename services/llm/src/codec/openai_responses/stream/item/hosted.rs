//! Tools that the provider runs itself, and items that are none of ours.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, ToolResult};
use serde_json::json;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::super::event::OutputItem;
use crate::codec::Event;
use crate::codec::assembly::{Assembly, Kind, OpenPart};
use crate::codec::json::text;
use crate::codec::metadata::{metadata, metadata_of};
use crate::codec::openai_responses::{NAMESPACE, RAW, SERVER_TOOL};
use crate::codec::warnings::ODD_STREAM;

/// How items of calls are named.
const CALL_SUFFIX: &str = "_call";

/// A call that is its own result: one item for both.
#[derive(Debug)]
pub(in crate::codec::openai_responses) struct Hosted {
    part: OpenPart,
    id: String,
    name: String,
}

/// Whether the provider runs what an item of this kind calls. What the caller must run has a
/// `call_id` to answer to.
pub(super) fn is_hosted(kind: &str, item: &OutputItem<'_>) -> bool {
    kind.ends_with(CALL_SUFFIX) && text(&item.call_id).is_empty() && !text(&item.id).is_empty()
}

impl Hosted {
    pub(super) fn begin(kind: &str, item: &OutputItem<'_>, assembly: &mut Assembly, out: &mut Vec<Event>) -> Self {
        let id = text(&item.id).to_owned();
        let name = kind.trim_end_matches(CALL_SUFFIX).to_owned();
        // What the provider runs keeps its identifier: the item returns as it came.
        let part = assembly.open(Kind::Call { id: id.clone(), name: name.clone(), provider_executed: true }, out);
        Self { part, id, name }
    }

    pub(super) fn end(mut self, item: &OutputItem<'_>, raw: &RawValue, assembly: &mut Assembly, out: &mut Vec<Event>) {
        if let Some(action) = item.action.filter(|action| action.get().starts_with('{')) {
            self.part.append(action.get(), out);
        }
        self.part.metadata.push(metadata(NAMESPACE, SERVER_TOOL, raw.get().to_owned()));
        self.part.close_call(out);
        let is_error = matches!(text(&item.status), "failed" | "incomplete");
        let result = match is_error {
            true => json!({ "error": format!("the provider's tool ended as {}", text(&item.status)) }),
            false => Value::Object(outcome(raw)),
        };
        let provider_metadata = vec![metadata_of(NAMESPACE, SERVER_TOOL, &self.id)];
        let result = ToolResult {
            call_id: self.id,
            name: self.name,
            result: result.to_string(),
            is_error,
            provider_executed: true,
            ..ToolResult::default()
        };
        assembly.add(Part { body: Some(Body::ToolResult(result)), provider_metadata, ..Part::default() }, out);
    }

    pub(super) fn cut(self, out: &mut Vec<Event>) {
        self.part.close_call(out);
    }
}

/// What an item says about what came of the call.
fn outcome(raw: &RawValue) -> Map<String, Value> {
    let mut fields: Map<String, Value> = serde_json::from_str(raw.get()).unwrap_or_default();
    fields.retain(|key, value| !matches!(key.as_str(), "type" | "id" | "action") && !value.is_null());
    fields
}

/// Keeps an item of an unknown kind for the next call. One that waits for an answer is left out,
/// because nobody here can give it.
pub(super) fn keep(item: &OutputItem<'_>, raw: &RawValue, assembly: &mut Assembly, out: &mut Vec<Event>) {
    if !text(&item.call_id).is_empty() {
        let message = format!("a call of the unknown kind `{}` was left out", text(&item.kind));
        return assembly.warn(ODD_STREAM, message, out);
    }
    let provider_metadata = vec![metadata(NAMESPACE, RAW, raw.get().to_owned())];
    assembly.add(Part { body: Some(Body::Text(String::new())), provider_metadata, ..Part::default() }, out);
}

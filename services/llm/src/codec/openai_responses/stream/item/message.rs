//! What the model says: texts and refusals, and what they cite.

use std::collections::BTreeMap;

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, ProviderMetadata, Source};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::super::event::{Citation, Frame, OutputItem, content_part};
use crate::codec::Event;
use crate::codec::assembly::{Assembly, Kind, OpenPart};
use crate::codec::json::text;
use crate::codec::metadata::{metadata, metadata_of};
use crate::codec::openai_responses::{ANNOTATIONS, MESSAGE, NAMESPACE, REFUSAL};
use crate::codec::warnings::ODD_STREAM;

/// The longest identifier of a message that is repeated, in bytes.
const MAX_ID_BYTES: usize = 512;

#[derive(Debug, Default)]
pub(in crate::codec::openai_responses) struct Message {
    /// By their place in the message.
    contents: BTreeMap<u32, Content>,
}

#[derive(Debug)]
struct Content {
    part: OpenPart,
    is_refusal: bool,
}

impl Content {
    fn begin(is_refusal: bool, assembly: &mut Assembly, out: &mut Vec<Event>) -> Self {
        Self { part: assembly.open(Kind::Text, out), is_refusal }
    }
}

impl Message {
    pub(super) fn piece(&mut self, kind: &str, frame: &Frame<'_>, assembly: &mut Assembly, out: &mut Vec<Event>) {
        let is_refusal = match kind {
            "response.output_text.delta" | "response.output_text.done" => false,
            "response.refusal.delta" | "response.refusal.done" => true,
            "response.content_part.added" => frame.part.is_some_and(|part| text(&content_part(part).kind) == "refusal"),
            _ => return,
        };
        let content = self.contents.entry(frame.content_index());
        let content = content.or_insert_with(|| Content::begin(is_refusal, assembly, out));
        content.part.append(&frame.delta(), out);
        let whole = frame.whole();
        if !whole.is_empty() && !content.part.settle(&whole, out) {
            assembly.warn(ODD_STREAM, "the pieces of a text were not the text", out);
        }
    }

    /// Returns whether the model refused.
    pub(super) fn end(
        mut self,
        item: &OutputItem<'_>,
        raw: &RawValue,
        assembly: &mut Assembly,
        out: &mut Vec<Event>,
    ) -> bool {
        let mut head = head(raw);
        let mut is_refusal = false;
        for (index, raw) in (0..).zip(item.content.iter().flatten()) {
            let said = content_part(raw);
            let refuses = text(&said.kind) == "refusal";
            if !refuses && text(&said.kind) != "output_text" {
                continue;
            }
            let content = self.contents.remove(&index);
            let mut content = content.unwrap_or_else(|| Content::begin(refuses, assembly, out));
            content.is_refusal = refuses;
            is_refusal |= refuses;
            if !content.part.settle(text(if refuses { &said.refusal } else { &said.text }), out) {
                assembly.warn(ODD_STREAM, "the pieces of a text were not the text", out);
            }
            let sources = cite(&mut content.part, said.annotations);
            content.close(&head, out);
            keep_id(&mut head);
            for source in sources {
                assembly.add(Part { body: Some(Body::Source(source)), ..Part::default() }, out);
            }
        }
        // Where the item does not repeat what was streamed, that stands.
        for content in self.contents.into_values() {
            is_refusal |= content.is_refusal;
            content.close(&head, out);
            keep_id(&mut head);
        }
        is_refusal
    }

    pub(super) fn cut(self, out: &mut Vec<Event>) -> bool {
        let mut is_refusal = false;
        for content in self.contents.into_values() {
            is_refusal |= content.is_refusal;
            content.close(&[], out);
        }
        is_refusal
    }
}

impl Content {
    fn close(mut self, head: &[ProviderMetadata], out: &mut Vec<Event>) {
        self.part.metadata.extend_from_slice(head);
        if self.is_refusal {
            self.part.metadata.push(metadata(NAMESPACE, REFUSAL, "true"));
        }
        self.part.close(out);
    }
}

/// The fields of a message beside what it says, where it has any.
fn head(raw: &RawValue) -> Vec<ProviderMetadata> {
    let mut fields: Map<String, Value> = serde_json::from_str(raw.get()).unwrap_or_default();
    fields.retain(|key, value| !matches!(key.as_str(), "type" | "role" | "content") && !value.is_null());
    let is_empty = fields.is_empty();
    (!is_empty).then(|| metadata_of(NAMESPACE, MESSAGE, &fields)).into_iter().collect()
}

/// Leaves the identifier alone, by which further contents are known as of the same message: the
/// rest returns with the first. One that is as long as no identifier is does not multiply.
fn keep_id(head: &mut Vec<ProviderMetadata>) {
    head.retain_mut(|datum| {
        let mut fields: Map<String, Value> = serde_json::from_slice(&datum.json).unwrap_or_default();
        fields.retain(|key, value| key == "id" && value.as_str().is_some_and(|id| id.len() <= MAX_ID_BYTES));
        *datum = metadata_of(NAMESPACE, MESSAGE, &fields);
        !fields.is_empty()
    });
}

/// Keeps the citations with the text, and returns their addresses as sources.
fn cite(part: &mut OpenPart, annotations: Option<&RawValue>) -> Vec<Source> {
    let list: Vec<&RawValue> = annotations.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    let mut sources: Vec<Source> = Vec::new();
    if list.is_empty() {
        return sources;
    }
    for citation in list.iter().filter_map(|raw| serde_json::from_str::<Citation<'_>>(raw.get()).ok()) {
        let url = citation.url.0.into_owned();
        if !url.is_empty() && !sources.iter().any(|known| known.url == url) {
            sources.push(Source { source_id: String::new(), url, title: text(&citation.title).to_owned() });
        }
    }
    part.metadata.extend(annotations.map(|raw| metadata(NAMESPACE, ANNOTATIONS, raw.get().to_owned())));
    sources
}

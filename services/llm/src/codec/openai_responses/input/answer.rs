//! Encodes one answer of the model.
//!
//! The provider knows its items by their identifiers, and knows which came of which reasoning: an
//! item with its identifier is refused without its reasoning, and reasoning without the item that
//! followed it. So both return together, or the item returns as if someone else had written it.

use std::borrow::Cow;

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, ToolCall};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::super::types::{Content, Item, Ours, Role};
use super::super::{ANNOTATIONS, FUNCTION_CALL, MESSAGE, NAMESPACE, RAW, REASONING, REFUSAL, SERVER_TOOL};
use super::Dropped;
use crate::codec::history::{Piece, plain_text};
use crate::codec::metadata;

pub(super) struct Answer<'a, 'e> {
    items: &'e mut Vec<Item<'a>>,
    dropped: &'e mut Dropped,
    /// Reasoning whose item is still to come.
    pending: Vec<Map<String, Value>>,
    /// Reasoning was left out, so what came of it must not be known by its identifier.
    is_bereft: bool,
    /// The identifier of the message that texts may join.
    open_message: Option<String>,
}

impl<'a, 'e> Answer<'a, 'e> {
    pub(super) fn new(items: &'e mut Vec<Item<'a>>, dropped: &'e mut Dropped) -> Self {
        Self { items, dropped, pending: Vec::new(), is_bereft: false, open_message: None }
    }

    pub(super) fn take(&mut self, piece: Piece<'a>) {
        let part = piece.part;
        if let Some(raw) = metadata::find(part, NAMESPACE, RAW) {
            return self.take_raw(raw);
        }
        match &part.body {
            Some(Body::Reasoning(_)) => self.take_reasoning(part),
            Some(Body::ToolCall(call)) if !call.provider_executed => self.take_call(part, call, piece.call_id),
            Some(Body::ToolCall(_)) => {
                if let Some(raw) = metadata::find(part, NAMESPACE, SERVER_TOOL) {
                    self.take_raw(raw);
                }
            }
            // The item of the call is the item of the result.
            Some(Body::ToolResult(_)) => {}
            Some(Body::Text(text)) if text.trim().is_empty() => self.lose_item(part),
            _ => {
                if let Some(text) = plain_text(part) {
                    self.take_text(part, text);
                }
            }
        }
    }

    fn take_reasoning(&mut self, part: &Part) {
        self.open_message = None;
        let item = metadata::find(part, NAMESPACE, REASONING).and_then(fields);
        match item.and_then(replayable) {
            Some(item) => {
                self.pending.push(item);
                self.is_bereft = false;
            }
            None => {
                self.dropped.reasoning += 1;
                self.lose_reasoning();
            }
        }
    }

    /// Leaves out the reasoning that waits for its item.
    fn lose_reasoning(&mut self) {
        self.dropped.reasoning += self.pending.len();
        self.pending.clear();
        self.is_bereft = true;
    }

    /// An item of the provider's that cannot be sent takes its reasoning along.
    fn lose_item(&mut self, part: &Part) {
        if metadata::find(part, NAMESPACE, MESSAGE).is_some() && !self.pending.is_empty() {
            self.lose_reasoning();
        }
    }

    /// The fields by which the provider knows an item, where it may know it. The reasoning that
    /// waited for the item goes first.
    fn identity(&mut self, part: &Part, kind: &str) -> Map<String, Value> {
        self.open_message = None;
        let known = metadata::find(part, NAMESPACE, kind).and_then(fields);
        match known.filter(|known| !self.is_bereft && known.contains_key("id")) {
            Some(known) => {
                self.items.extend(self.pending.drain(..).map(Item::Whole));
                known
            }
            None => {
                if !self.pending.is_empty() {
                    self.lose_reasoning();
                }
                Map::new()
            }
        }
    }

    fn take_call(&mut self, part: &'a Part, call: &'a ToolCall, call_id: String) {
        let more = self.identity(part, FUNCTION_CALL);
        let arguments = if call.args.trim().is_empty() { "{}" } else { &call.args };
        self.items.push(Item::Ours(Ours::FunctionCall { call_id, name: &call.name, arguments, more }));
    }

    fn take_raw(&mut self, raw: &'a RawValue) {
        self.open_message = None;
        if self.is_bereft {
            self.dropped.provider_tools += 1;
            return;
        }
        self.items.extend(self.pending.drain(..).map(Item::Whole));
        self.items.push(Item::Raw(raw));
    }

    fn take_text(&mut self, part: &'a Part, text: Cow<'a, str>) {
        let content = match metadata::find(part, NAMESPACE, REFUSAL) {
            Some(_) => Content::Refusal { refusal: text },
            None => Content::OutputText { text, annotations: annotations(part) },
        };
        let id = metadata::find(part, NAMESPACE, MESSAGE).and_then(fields).and_then(|known| id_of(&known));
        if id.is_some()
            && id == self.open_message
            && let Some(Item::Ours(Ours::Message { content: said, .. })) = self.items.last_mut()
        {
            return said.push(content);
        }
        let more = self.identity(part, MESSAGE);
        self.items.push(Item::Ours(Ours::Message { role: Role::Assistant, content: vec![content], more }));
        self.open_message = id;
    }

    /// Ends the answer. Reasoning that nothing came of is left out.
    pub(super) fn finish(self) {
        self.dropped.reasoning += self.pending.len();
    }
}

fn fields(raw: &RawValue) -> Option<Map<String, Value>> {
    serde_json::from_str(raw.get()).ok()
}

fn id_of(known: &Map<String, Value>) -> Option<String> {
    known.get("id").and_then(Value::as_str).map(str::to_owned)
}

/// Reasoning as the provider reads it, where it can: without its encrypted content it is known to
/// nobody. Fields that were empty in the answer are not accepted in a request.
fn replayable(mut item: Map<String, Value>) -> Option<Map<String, Value>> {
    let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    item.retain(|key, value| !value.is_null() && (key != "content" || !is_empty(value)));
    let is_encrypted = item.get("encrypted_content").and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    is_encrypted.then_some(item)
}

fn annotations(part: &Part) -> Cow<'_, RawValue> {
    match metadata::find(part, NAMESPACE, ANNOTATIONS) {
        Some(known) => Cow::Borrowed(known),
        None => no_annotations(),
    }
}

/// `[]`
fn no_annotations() -> Cow<'static, RawValue> {
    serde_json::from_str("[]").map_or(Cow::Borrowed(RawValue::NULL), Cow::Borrowed)
}

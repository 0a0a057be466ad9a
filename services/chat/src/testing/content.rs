//! Parts and messages.

use chatmesh_proto::chat::v1::Message;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, ProviderMetadata, Role, ToolCall, ToolResult};

use crate::domain::NewMessage;

/// A piece of a text, with something of the provider's that nobody else may see.
pub(crate) fn text(text: &str) -> Part {
    Part { body: Some(Body::Text(text.to_owned())), provider_metadata: vec![metadata()], ..Part::default() }
}

/// What must never leave the service.
fn metadata() -> ProviderMetadata {
    ProviderMetadata { namespace: "sim".to_owned(), kind: "secret".to_owned(), json: (&b"\"sealed\""[..]).into() }
}

/// A call of a tool.
pub(crate) fn call(id: &str) -> Part {
    let call =
        ToolCall { call_id: id.to_owned(), name: "look".to_owned(), args: "{}".to_owned(), ..ToolCall::default() };
    Part { body: Some(Body::ToolCall(call)), provider_metadata: vec![metadata()], ..Part::default() }
}

/// The result of a call.
pub(crate) fn result(id: &str) -> Part {
    let result = ToolResult {
        call_id: id.to_owned(),
        name: "look".to_owned(),
        result: "{}".to_owned(),
        ..ToolResult::default()
    };
    Part { body: Some(Body::ToolResult(result)), ..Part::default() }
}

/// An answer of the model with a text and calls.
pub(crate) fn answer(said: &str, calls: &[String]) -> NewMessage {
    let mut parts = vec![text(said)];
    parts.extend(calls.iter().map(|id| call(id)));
    NewMessage::new(Role::Assistant, parts)
}

/// The text of a message.
pub(crate) fn text_of(message: &Message) -> String {
    message.content.iter().filter_map(text_in).collect()
}

/// The text of a part, where it is one.
pub(super) fn text_in(part: &Part) -> Option<&str> {
    match &part.body {
        Some(Body::Text(text)) => Some(text),
        _ => None,
    }
}

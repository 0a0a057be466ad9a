//! Joining the pieces of a long answer. Some providers send a piece per token: an episode would be
//! full in the middle of a long text, and its readers would see nothing more until it is committed.

use chatmesh_proto::chat::v1::MessagePart;
use chatmesh_proto::common::v1::part::Body;

/// How many bytes of a text are joined before they are shown: about a line.
const LENGTH: usize = 256;

/// True for a piece that is worth waiting for more of.
pub(super) fn is_short(piece: &MessagePart) -> bool {
    let text = match piece.part.as_ref().and_then(|part| part.body.as_ref()) {
        Some(Body::Text(text)) => text,
        Some(Body::Reasoning(reasoning)) if !reasoning.redacted => &reasoning.text,
        Some(Body::ToolCall(call)) if call.args.is_empty() => &call.args_delta,
        _ => return false,
    };
    text.len() < LENGTH
}

/// Joins two pieces of the same text.
///
/// # Errors
/// They are pieces of different things; both come back.
pub(super) fn join(mut before: MessagePart, after: MessagePart) -> Result<MessagePart, (MessagePart, MessagePart)> {
    if before.role != after.role || before.index != after.index || !append(&mut before, &after) {
        return Err((before, after));
    }
    Ok(before)
}

fn append(before: &mut MessagePart, after: &MessagePart) -> bool {
    let (Some(first), Some(second)) = (&mut before.part, &after.part) else { return false };
    match (&mut first.body, &second.body) {
        (Some(Body::Text(text)), Some(Body::Text(more))) => text.push_str(more),
        (Some(Body::Reasoning(text)), Some(Body::Reasoning(more))) if !text.redacted && !more.redacted => {
            text.text.push_str(&more.text);
        }
        (Some(Body::ToolCall(call)), Some(Body::ToolCall(more)))
            if call.call_id == more.call_id && call.args.is_empty() && more.args.is_empty() =>
        {
            call.args_delta.push_str(&more.args_delta);
        }
        _ => return false,
    }
    if second.complete_time.is_some() {
        first.complete_time = second.complete_time;
    }
    true
}

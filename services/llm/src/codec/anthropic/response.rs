//! Reads an answer that came as one document, by the same steps as a stream.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::stream::machine::Machine;
use crate::classify::Failure;
use crate::codec::json::{Text, text};
use crate::codec::{Event, ResponseContext};

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    content: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow, default)]
    container: Option<&'a RawValue>,
}

/// Appends the events of a whole answer.
pub(super) fn decode(context: ResponseContext, body: &[u8], out: &mut Vec<Event>) {
    let mut machine = Machine::new(context);
    let body = String::from_utf8_lossy(body);
    match serde_json::from_str::<Message<'_>>(&body) {
        Ok(message) if text(&message.kind) == "error" => machine.provider_error(&body, out),
        Ok(message) => {
            machine.message_start(&body, out);
            for (index, block) in (0..).zip(&message.content) {
                machine.block_start(index, block, out);
                machine.block_stop(index, out);
            }
            machine.message_stop_reason(text(&message.stop_reason), &body);
            if let Some(container) = message.container {
                machine.container(container, out);
            }
            machine.message_stop(out);
        }
        Err(error) => machine.fail(&Failure::protocol(format!("the answer is not a message: {error}")), out),
    }
}

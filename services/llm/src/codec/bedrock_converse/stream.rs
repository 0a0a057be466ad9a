//! Reads the events of a stream and tells the machine what they say.

pub(super) mod block;
pub(super) mod machine;

use serde::Deserialize;
use serde_json::value::RawValue;

use self::block::Piece;
use self::machine::Machine;
use crate::classify::Failure;
use crate::codec::bedrock::Carried;
use crate::codec::json::{Text, text};
use crate::codec::{Event, ResponseContext};

/// The events of one stream.
#[derive(Debug)]
pub(super) struct Events {
    machine: Machine,
}

impl Events {
    pub(super) fn new(context: ResponseContext) -> Self {
        Self { machine: Machine::new(context) }
    }
}

/// What an event may hold. Which fields count, its name says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    #[serde(default)]
    content_block_index: u32,
    #[serde(borrow, default)]
    start: Option<Start<'a>>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Start<'a> {
    #[serde(borrow, default)]
    tool_use: Option<ToolUse<'a>>,
}

/// A call, without its arguments.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolUse<'a> {
    #[serde(borrow, default)]
    pub(super) tool_use_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) name: Option<Text<'a>>,
    /// Set where the provider runs the tool itself.
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delta<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    reasoning_content: Option<ReasoningDelta<'a>>,
    #[serde(borrow, default)]
    tool_use: Option<InputDelta<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReasoningDelta<'a> {
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    signature: Option<Text<'a>>,
    #[serde(borrow, default)]
    redacted_content: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct InputDelta<'a> {
    #[serde(borrow, default)]
    input: Option<Text<'a>>,
}

impl Carried for Events {
    fn event(&mut self, name: &str, payload: &[u8], out: &mut Vec<Event>) {
        if self.machine.is_ended() {
            return;
        }
        let payload = String::from_utf8_lossy(payload);
        match serde_json::from_str::<Payload<'_>>(&payload) {
            Ok(event) => take(&mut self.machine, name, &event, &payload, out),
            Err(error) => self.machine.fail(&Failure::protocol(format!("an event cannot be read: {error}")), out),
        }
    }

    fn is_complete(&self) -> bool {
        self.machine.has_stopped()
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        self.machine.end(out);
    }

    fn fail(&mut self, failure: &Failure, out: &mut Vec<Event>) {
        self.machine.fail(failure, out);
    }
}

fn take(machine: &mut Machine, name: &str, event: &Payload<'_>, json: &str, out: &mut Vec<Event>) {
    let index = event.content_block_index;
    match name {
        "messageStart" => machine.start(out),
        "contentBlockStart" => {
            machine.block_start(index, event.start.as_ref().and_then(|start| start.tool_use.as_ref()), out);
        }
        "contentBlockDelta" => {
            for piece in event.delta.iter().flat_map(pieces) {
                machine.block_piece(index, piece, out);
            }
        }
        "contentBlockStop" => machine.block_stop(index, out),
        "messageStop" => machine.stop(text(&event.stop_reason), out),
        "metadata" => machine.usage(event.usage.map_or("{}", RawValue::get), json, out),
        // New kinds of events must not break a stream.
        _ => {}
    }
}

/// The pieces of a delta; one with content that is not known here has none.
fn pieces<'d>(delta: &'d Delta<'_>) -> impl Iterator<Item = Piece<'d>> {
    let said = delta.text.as_ref().map(|text| Piece::Text(&text.0));
    let reasoning = delta.reasoning_content.as_ref();
    let thought = reasoning.and_then(|it| it.text.as_ref()).map(|text| Piece::Thought(&text.0));
    let signature = reasoning.and_then(|it| it.signature.as_ref()).map(|text| Piece::Signature(&text.0));
    let hidden = reasoning.and_then(|it| it.redacted_content.as_ref()).map(|text| Piece::Redacted(&text.0));
    let input = delta.tool_use.as_ref().and_then(|it| it.input.as_ref()).map(|text| Piece::Input(&text.0));
    [said, thought, signature, hidden, input].into_iter().flatten()
}

//! The items of an answer: how each begins, grows and ends. What an item is at its end decides.

mod call;
mod hosted;
mod message;
mod reasoning;

use serde_json::value::RawValue;

use self::call::Call;
use self::hosted::Hosted;
use self::message::Message;
use self::reasoning::Reasoning;
use super::event::{Frame, OutputItem};
use crate::codec::Event;
use crate::codec::assembly::Assembly;
use crate::codec::json::text;

/// An item that has begun.
#[derive(Debug)]
pub(super) enum Item {
    Reasoning(Reasoning),
    Message(Message),
    Call(Call),
    Hosted(Hosted),
    /// Of another kind; it is read when it is complete.
    Other,
    Done,
}

/// What an item was, for the end of the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Nature {
    /// It asks for a tool of ours.
    pub(super) is_call: bool,
    /// The model refused.
    pub(super) is_refusal: bool,
}

impl Item {
    pub(super) fn begin(raw: &RawValue, assembly: &mut Assembly, out: &mut Vec<Event>) -> Self {
        let item: OutputItem<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
        match text(&item.kind) {
            "reasoning" => Self::Reasoning(Reasoning::begin(assembly, out)),
            "message" => Self::Message(Message::default()),
            "function_call" => Self::Call(Call::begin(&item, assembly, out)),
            kind if hosted::is_hosted(kind, &item) => Self::Hosted(Hosted::begin(kind, &item, assembly, out)),
            _ => Self::Other,
        }
    }

    /// The item that a piece belongs to, where its beginning was not seen and it can do without.
    pub(super) fn of_piece(kind: &str, assembly: &mut Assembly, out: &mut Vec<Event>) -> Option<Self> {
        match kind {
            "response.output_text.delta"
            | "response.output_text.done"
            | "response.refusal.delta"
            | "response.refusal.done" => Some(Self::Message(Message::default())),
            "response.reasoning_summary_text.delta"
            | "response.reasoning_summary_text.done"
            | "response.reasoning_text.delta"
            | "response.reasoning_text.done" => Some(Self::Reasoning(Reasoning::begin(assembly, out))),
            _ => None,
        }
    }

    /// Takes a piece, or the end of some pieces.
    pub(super) fn piece(&mut self, kind: &str, frame: &Frame<'_>, assembly: &mut Assembly, out: &mut Vec<Event>) {
        match self {
            Self::Reasoning(reasoning) => reasoning.piece(kind, frame, out),
            Self::Message(message) => message.piece(kind, frame, assembly, out),
            Self::Call(call) => call.piece(kind, frame, assembly, out),
            Self::Hosted(_) | Self::Other | Self::Done => {}
        }
    }

    /// Ends the item with what it is as a whole.
    pub(super) fn end(self, raw: &RawValue, assembly: &mut Assembly, out: &mut Vec<Event>) -> Nature {
        let item: OutputItem<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
        match self {
            Self::Reasoning(reasoning) => reasoning.end(&item, raw, out),
            Self::Message(message) => {
                let is_refusal = message.end(&item, raw, assembly, out);
                return Nature { is_refusal, ..Nature::default() };
            }
            Self::Call(call) => {
                call.end(&item, raw, assembly, out);
                return Nature { is_call: true, ..Nature::default() };
            }
            Self::Hosted(hosted) => hosted.end(&item, raw, assembly, out),
            Self::Other => hosted::keep(&item, raw, assembly, out),
            Self::Done => {}
        }
        Nature::default()
    }

    /// Ends the item with what is known of it: the answer was cut here.
    pub(super) fn cut(self, assembly: &mut Assembly, out: &mut Vec<Event>) -> Nature {
        match self {
            Self::Reasoning(reasoning) => reasoning.cut(out),
            Self::Message(message) => {
                let is_refusal = message.cut(out);
                return Nature { is_refusal, ..Nature::default() };
            }
            Self::Call(call) => {
                call.cut(assembly, out);
                return Nature { is_call: true, ..Nature::default() };
            }
            Self::Hosted(hosted) => hosted.cut(out),
            Self::Other | Self::Done => {}
        }
        Nature::default()
    }
}

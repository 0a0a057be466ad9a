//! Why a WebSocket ends, and how the client is told.

use axum::extract::ws::{CloseFrame, Message, close_code};
use tonic::Status;

use crate::errors;
use crate::workspace::refusal;

/// The longest reason in bytes: a control frame has 125, of which the code takes two.
const MAX_REASON: usize = 123;
/// Codes of applications begin here; the HTTP status of the error is added.
const APPLICATION: u16 = 4000;

/// Why a WebSocket ends.
#[derive(Debug)]
pub(in crate::workspace) enum Ending {
    /// All was said.
    Done,
    /// The client closed it, or its connection broke.
    Left,
    /// The client gives no sign of life.
    Silent,
    /// What the client sends is no WebSocket, or too long.
    Broken(String),
    /// The process ends.
    ShuttingDown,
    /// Something went wrong.
    Failed(Status),
}

impl Ending {
    /// The last messages to the client.
    pub(super) fn messages(&self) -> Vec<Message> {
        let (code, reason) = match self {
            Self::Left => return Vec::new(),
            Self::Done => (close_code::NORMAL, "done"),
            Self::Silent => (close_code::POLICY, "no answer to pings"),
            Self::Broken(what) if what.contains("too long") => (close_code::SIZE, "a message has more than 1 MiB"),
            Self::Broken(what) => (close_code::PROTOCOL, what.as_str()),
            Self::ShuttingDown => (close_code::AWAY, "this process ends: connect again"),
            Self::Failed(status) => {
                let code = APPLICATION + refusal::http_status(status).as_u16();
                return vec![error(status), close(code, status.message())];
            }
        };
        vec![close(code, reason)]
    }
}

/// The error as a message, in the form of all errors.
fn error(status: &Status) -> Message {
    let body = errors::body(&errors::rest_status(status));
    Message::Text(format!("{{\"error\":{body}}}").into())
}

fn close(code: u16, reason: &str) -> Message {
    let reason = &reason[..reason.floor_char_boundary(MAX_REASON)];
    Message::Close(Some(CloseFrame { code, reason: reason.into() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(ending: &Ending) -> Vec<u16> {
        let code = |message| match message {
            Message::Close(Some(frame)) => {
                assert!(frame.reason.len() <= MAX_REASON);
                Some(frame.code)
            }
            _ => None,
        };
        ending.messages().into_iter().filter_map(code).collect()
    }

    #[test]
    fn every_end_has_a_code_of_its_own() {
        let long = "ü".repeat(200);
        let table = [
            (Ending::Done, vec![1000]),
            (Ending::Left, vec![]),
            (Ending::Silent, vec![1008]),
            (Ending::Broken("Space limit exceeded: Message too long: 3 > 2".to_owned()), vec![1009]),
            (Ending::Broken(long.clone()), vec![1002]),
            (Ending::ShuttingDown, vec![1001]),
            (Ending::Failed(errors::invalid("resize", &long)), vec![4400]),
            (Ending::Failed(Status::not_found("gone")), vec![4404]),
            (Ending::Failed(Status::unavailable("the agent is gone")), vec![4503]),
        ];
        for (ending, expected) in table {
            assert_eq!(codes(&ending), expected, "{ending:?}");
        }
    }

    #[test]
    fn an_error_is_told_before_the_end() {
        let messages = Ending::Failed(Status::not_found("no such \"thing\"")).messages();
        let Some(Message::Text(text)) = messages.first() else { panic!("{messages:?}") };
        let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(
            (&value["error"]["code"], value["error"]["message"].as_str()),
            (&5.into(), Some("no such \"thing\""))
        );
    }
}

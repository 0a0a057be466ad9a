//! What a client of the stream makes of it, by the rules of the contract.

use std::collections::BTreeMap;

use chatmesh_proto::chat::v1::stream_chat_response::Event;
use chatmesh_proto::chat::v1::{ChatStatus, Message, MessagePart, QueuedMessage, Retry, StreamChatResponse};
use chatmesh_proto::common::v1::{GenerationError, Part, Role, ToolCall};

use super::content::{text_in, text_of};
use super::truth::Truth;
use crate::domain::ChatId;
use crate::parts::EpisodeKey;

/// A client. Every event is checked: nothing is shown twice, nothing is shown that was not said.
#[derive(Clone)]
pub(crate) struct Client {
    chat: ChatId,
    truth: Truth,
    pub(crate) messages: BTreeMap<u32, Message>,
    pub(crate) live: Vec<MessagePart>,
    pub(crate) status: ChatStatus,
    pub(crate) queue: Vec<QueuedMessage>,
    pub(crate) error: Option<GenerationError>,
    pub(crate) retry: Option<Retry>,
    pub(crate) calls: Vec<ToolCall>,
    /// The events of this connection, for those who want to know more than the outcome.
    pub(crate) events: Vec<Event>,
    /// The highest message of this connection, or the one that it began after.
    highest: u32,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field(
                "messages",
                &self.messages.values().map(|message| (message.id, text_of(message))).collect::<Vec<_>>(),
            )
            .field("live", &(self.live_key(), self.live.len(), self.live_text()))
            .field("status", &self.status)
            .field("queue", &self.queue.iter().map(|message| message.id).collect::<Vec<_>>())
            .field("error", &self.error)
            .field("retry", &self.retry)
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

impl Client {
    pub(crate) fn new(chat: ChatId, truth: Truth) -> Self {
        Self {
            chat,
            truth,
            messages: BTreeMap::new(),
            live: Vec::new(),
            status: ChatStatus::Unspecified,
            queue: Vec::new(),
            error: None,
            retry: None,
            calls: Vec::new(),
            events: Vec::new(),
            highest: 0,
        }
    }

    /// Comes back: keeps what is committed and forgets the rest. Returns where to go on.
    pub(crate) fn reconnect(&mut self) -> u32 {
        let seen = self.seen();
        let messages = std::mem::take(&mut self.messages);
        *self = Self { messages, highest: seen, ..Self::new(self.chat, self.truth.clone()) };
        seen
    }

    /// The highest message that is held without a gap.
    pub(crate) fn seen(&self) -> u32 {
        (1..).take_while(|id| self.messages.contains_key(id)).last().unwrap_or_default()
    }

    /// The call of the model whose live parts are shown.
    pub(crate) fn live_key(&self) -> Option<EpisodeKey> {
        self.live.first().map(|part| EpisodeKey {
            chat: self.chat,
            history_version: part.history_version,
            generation_attempt: part.generation_attempt,
        })
    }

    /// The text that is shown live.
    pub(crate) fn live_text(&self) -> String {
        self.live.iter().filter_map(|part| part.part.as_ref()).filter_map(text_in).collect()
    }

    pub(crate) fn apply(&mut self, response: StreamChatResponse) {
        assert_eq!(response.chat_id, self.chat.to_string(), "an event of another chat");
        let event = response.event.expect("exactly one thing happened");
        check_nothing_internal(&event);
        self.events.push(event.clone());
        match event {
            Event::MessagePart(part) => self.part(part),
            Event::Message(message) => self.message(message),
            Event::Status(change) => {
                self.status = change.status();
                if self.status != ChatStatus::Error {
                    self.error = None;
                }
                if self.status != ChatStatus::RequiresAction {
                    self.calls.clear();
                }
            }
            Event::Error(error) => self.error = Some(error),
            Event::QueueUpdate(update) => self.queue = update.queued_messages,
            Event::Retry(retry) => {
                self.live.clear();
                self.retry = Some(retry);
            }
            Event::ActionRequired(required) => self.calls = required.tool_calls,
            Event::PreviewReset(_) => self.forget_preview(),
            Event::HistoryReset(_) => {
                self.forget_preview();
                self.messages.clear();
                self.highest = 0;
            }
        }
        self.check_nothing_twice();
    }

    fn forget_preview(&mut self) {
        self.live.clear();
        self.retry = None;
    }

    fn part(&mut self, part: MessagePart) {
        let expected = match self.live.last() {
            Some(last) => {
                let same =
                    (last.history_version, last.generation_attempt) == (part.history_version, part.generation_attempt);
                assert!(same, "parts of two model calls are shown at once: {last:?}, then {part:?}");
                last.seq + 1
            }
            None => 1,
        };
        assert_eq!(part.seq, expected, "a live part is missing or doubled: {part:?}");
        assert!(self.truth.holds(self.chat, &part), "nobody said this: {part:?}");
        self.retry = None;
        self.live.push(part);
    }

    fn message(&mut self, message: Message) {
        assert!(message.id > self.highest, "message {} comes after message {}", message.id, self.highest);
        self.highest = message.id;
        if message.role() == Role::Assistant {
            let origin = self.truth.origin(self.chat, message.id);
            if origin.is_some() && origin == self.live_key() {
                let (live, text) = (self.live_text(), text_of(&message));
                assert!(text.starts_with(&live), "{live:?} was shown, and {text:?} was committed");
            }
            self.forget_preview();
        }
        self.messages.insert(message.id, message);
    }

    fn check_nothing_twice(&self) {
        let Some(live) = self.live_key() else { return };
        let twice = self.messages.keys().find(|id| self.truth.origin(self.chat, **id) == Some(live));
        assert_eq!(twice, None, "the live parts of {live:?} are shown beside the message that they became");
    }
}

fn check_nothing_internal(event: &Event) {
    let parts: Vec<&Part> = match event {
        Event::MessagePart(part) => part.part.iter().collect(),
        Event::Message(message) => message.content.iter().collect(),
        Event::QueueUpdate(update) => update.queued_messages.iter().flat_map(|message| &message.content).collect(),
        _ => Vec::new(),
    };
    let leaked = parts.iter().find(|part| !part.provider_metadata.is_empty());
    assert_eq!(leaked, None, "what is the provider's left the service");
}

//! What a subscriber has seen, and what they must be sent next: pure.

#[cfg(test)]
mod tests;

use chatmesh_proto::chat::v1 as pb;
use chatmesh_proto::chat::v1::stream_chat_response::Event;
use chatmesh_proto::common::v1::{GenerationError, Role, ToolCall};

use crate::convert;
use crate::domain::{Chat, ChatId, Versions};
use crate::machine::Status;
use crate::store::{Since, Snapshot};

/// What was read at one look.
#[derive(Debug)]
pub(super) struct Look {
    /// The chat, and what changed.
    pub(super) snapshot: Snapshot,
    /// The calls that the client has to answer, where the view wants them.
    pub(super) open_calls: Vec<ToolCall>,
    /// True where the messages take the place of all that the subscriber holds.
    pub(super) reset: bool,
}

/// What a subscriber has seen.
#[derive(Debug, Default)]
pub(super) struct View {
    seen: Option<Versions>,
    status: Option<Status>,
    error: Option<GenerationError>,
    /// `history_version` at which the error was sent.
    error_at: u32,
    /// `history_version` at which the calls were sent.
    calls_at: u32,
    /// True while the subscriber may show something that is not committed: live parts, or a pause.
    provisional: bool,
}

impl View {
    /// What to read for the next look.
    pub(super) fn since(&self) -> Since {
        let seen = self.seen.unwrap_or_default();
        Since::Versions { history: seen.history, queue: seen.queue }
    }

    /// True where the view shows an older chat than that of this version.
    pub(super) fn is_older_than(&self, snapshot_version: u32) -> bool {
        self.seen.is_none_or(|seen| seen.snapshot < snapshot_version)
    }

    /// True where the client's calls are to be read with the chat.
    pub(super) fn wants_calls(&self, chat: &Chat) -> bool {
        chat.status == Status::RequiresAction && chat.versions.history > self.calls_at
    }

    /// Says that live parts were sent.
    pub(super) fn previewed(&mut self) {
        self.provisional = true;
    }

    /// Takes a look in and returns what to send, in order.
    pub(super) fn apply(&mut self, look: Look) -> Vec<pb::StreamChatResponse> {
        let id = look.snapshot.chat.id;
        let mut events = Vec::new();
        self.history(&look, &mut events);
        let Look { snapshot, open_calls, .. } = look;
        let first = self.seen.is_none();
        events.extend(snapshot.messages.into_iter().map(|message| Event::Message(message.into())));
        if let Some(queue) = snapshot.queue.filter(|queue| !first || !queue.is_empty()) {
            let queued_messages = queue.into_iter().map(Into::into).collect();
            events.push(Event::QueueUpdate(pb::QueueUpdate { queued_messages }));
        }
        self.state(snapshot.chat, open_calls, &mut events);
        events.into_iter().map(|event| wrap(id, event)).collect()
    }

    /// What makes earlier events void.
    fn history(&mut self, look: &Look, events: &mut Vec<Event>) {
        let now = look.snapshot.chat.versions;
        let before = self.seen.unwrap_or_default();
        let over = (now.history, now.generation_attempt) != (before.history, before.generation_attempt);
        if look.reset {
            events.push(Event::HistoryReset(pb::HistoryReset {}));
        } else if self.provisional && over && !has_answer(&look.snapshot) {
            // An answer takes the place of its live parts; without one they are void.
            events.push(Event::PreviewReset(pb::PreviewReset {}));
        }
        if look.reset || over {
            self.provisional = false;
        }
    }

    /// What the chat does.
    fn state(&mut self, chat: Chat, open_calls: Vec<ToolCall>, events: &mut Vec<Event>) {
        let now = chat.versions;
        let entered = self.status != Some(chat.status);
        if entered {
            events.push(Event::Status(pb::StatusChange { status: convert::status(chat.status).into() }));
        }
        if chat.last_error != self.error || (now.history > self.error_at) || entered {
            events.extend(chat.last_error.clone().map(Event::Error));
            self.error_at = now.history;
        }
        if self.wants_calls(&chat) && !open_calls.is_empty() {
            events.push(Event::ActionRequired(pb::ActionRequired { tool_calls: open_calls }));
            self.calls_at = now.history;
        }
        let seen_retry = self.seen.map(|seen| seen.retry_state);
        if let Some(retry) = chat.retry_state.filter(|_| seen_retry.is_none_or(|seen| now.retry_state > seen)) {
            events.push(Event::Retry(retry));
            self.provisional = true;
        }
        self.error = chat.last_error;
        self.status = Some(chat.status);
        self.seen = Some(now);
    }
}

/// True where the model's answer is among the messages that changed.
pub(super) fn has_answer(snapshot: &Snapshot) -> bool {
    snapshot.messages.iter().any(|message| message.body.role == Role::Assistant && !message.deleted)
}

/// A live part as an event.
pub(super) fn part(chat: ChatId, part: &pb::MessagePart) -> pb::StreamChatResponse {
    wrap(chat, Event::MessagePart(part.clone()))
}

fn wrap(chat: ChatId, event: Event) -> pb::StreamChatResponse {
    pb::StreamChatResponse { chat_id: chat.to_string(), event: Some(event) }
}

//! A client with its connection.

use std::pin::Pin;
use std::sync::Arc;

use chatmesh_proto::chat::v1::StreamChatResponse;
use chatmesh_proto::chat::v1::stream_chat_response::Event;
use futures::{FutureExt as _, Stream, StreamExt as _};
use tonic::Status;

use super::client::Client;
use super::time::eventually;
use super::truth::Truth;
use super::world::Replica;
use crate::domain::ChatId;
use crate::stream;

type Events = Pin<Box<dyn Stream<Item = Result<StreamChatResponse, Status>> + Send>>;

/// Reads a chat through one replica or another.
pub(crate) struct Reader {
    chat: ChatId,
    pub(crate) client: Client,
    events: Option<Events>,
    /// Why the last connection ended, where the service ended it.
    pub(crate) ended: Option<Status>,
}

impl Reader {
    pub(crate) fn new(chat: ChatId, truth: Truth) -> Self {
        Self { chat, client: Client::new(chat, truth), events: None, ended: None }
    }

    /// Connects, from where the client is.
    pub(crate) async fn connect(&mut self, replica: &Replica) {
        let after = self.client.reconnect();
        let chat = replica.get(self.chat).await;
        let events = stream::open(Arc::clone(&replica.state), &replica.caller(), chat, after).await;
        self.events = Some(Box::pin(events.expect("a stream")));
        self.ended = None;
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.events.is_some()
    }

    /// Goes away without a word.
    pub(crate) fn drop_connection(&mut self) {
        self.events = None;
    }

    /// Reads events that are there, at most `limit`. Returns how many.
    pub(crate) fn read(&mut self, limit: usize) -> usize {
        for count in 0..limit {
            let Some(events) = &mut self.events else { return count };
            match events.next().now_or_never() {
                Some(Some(Ok(event))) => self.client.apply(event),
                Some(Some(Err(status))) => {
                    self.ended = Some(status);
                    self.events = None;
                }
                Some(None) => self.events = None,
                None => return count,
            }
        }
        limit
    }

    /// Reads until `done` holds of the client.
    pub(crate) async fn until(&mut self, what: &str, done: impl Fn(&Client) -> bool) {
        let what = format!("{what} (of the chat {})", self.chat);
        eventually(
            &what,
            async || {
                self.read(usize::MAX);
                self.client.clone()
            },
            |client| done(client),
        )
        .await;
    }

    /// Reads until the connection ends, and returns why.
    pub(crate) async fn until_end(&mut self) -> Option<Status> {
        eventually(
            "the stream ends",
            async || {
                self.read(usize::MAX);
                self.is_connected()
            },
            |connected| !connected,
        )
        .await;
        self.ended.clone()
    }

    /// The kinds of the events of this connection, in order.
    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        let kind = |event: &Event| match event {
            Event::MessagePart(_) => "part",
            Event::Message(_) => "message",
            Event::Status(_) => "status",
            Event::Error(_) => "error",
            Event::QueueUpdate(_) => "queue",
            Event::Retry(_) => "retry",
            Event::ActionRequired(_) => "action",
            Event::PreviewReset(_) => "preview_reset",
            Event::HistoryReset(_) => "history_reset",
        };
        self.client.events.iter().map(kind).collect()
    }
}

//! The methods of `ChatService`, one line each; what they do is in the files beside.

mod create_chat;
mod get_chat;
mod interrupt_chat;
mod list_chats;
mod list_messages;
mod model;
mod send_message;
mod stream_chat;
mod watch_chats;

use std::pin::Pin;
use std::sync::Arc;

use chatmesh_proto::chat::v1 as pb;
use chatmesh_proto::chat::v1::chat_service_server::ChatService;
use chatmesh_rpc::{Caller, streaming, unary};
use futures::Stream;
use tonic::{Request, Response, Status};

use crate::Error;
use crate::domain::{Chat, ChatId};
use crate::state::State;

pub(crate) struct Api {
    state: Arc<State>,
}

impl Api {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }
}

type Events<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl ChatService for Api {
    type StreamChatStream = Events<pb::StreamChatResponse>;
    type WatchChatsStream = Events<pb::WatchChatsResponse>;

    async fn create_chat(&self, r: Request<pb::CreateChatRequest>) -> Result<Response<pb::CreateChatResponse>, Status> {
        unary(r, |caller, m| create_chat::create_chat(&self.state, caller, m)).await
    }

    async fn get_chat(&self, r: Request<pb::GetChatRequest>) -> Result<Response<pb::GetChatResponse>, Status> {
        unary(r, |caller, m| get_chat::get_chat(&self.state, caller, m)).await
    }

    async fn list_chats(&self, r: Request<pb::ListChatsRequest>) -> Result<Response<pb::ListChatsResponse>, Status> {
        unary(r, |caller, m| list_chats::list_chats(&self.state, caller, m)).await
    }

    async fn send_message(
        &self,
        r: Request<pb::SendMessageRequest>,
    ) -> Result<Response<pb::SendMessageResponse>, Status> {
        unary(r, |caller, m| send_message::send_message(&self.state, caller, m)).await
    }

    async fn list_messages(
        &self,
        r: Request<pb::ListMessagesRequest>,
    ) -> Result<Response<pb::ListMessagesResponse>, Status> {
        unary(r, |caller, m| list_messages::list_messages(&self.state, caller, m)).await
    }

    async fn interrupt_chat(
        &self,
        r: Request<pb::InterruptChatRequest>,
    ) -> Result<Response<pb::InterruptChatResponse>, Status> {
        unary(r, |caller, m| interrupt_chat::interrupt_chat(&self.state, caller, m)).await
    }

    async fn stream_chat(&self, r: Request<pb::StreamChatRequest>) -> Result<Response<Self::StreamChatStream>, Status> {
        streaming(r, |caller, m| stream_chat::stream_chat(Arc::clone(&self.state), caller, m)).await
    }

    async fn watch_chats(&self, r: Request<pb::WatchChatsRequest>) -> Result<Response<Self::WatchChatsStream>, Status> {
        streaming(r, |caller, _| watch_chats::watch_chats(Arc::clone(&self.state), caller)).await
    }
}

/// Finds a chat that the caller may see; somebody else's looks as if it did not exist.
async fn find_chat(state: &State, caller: &Caller, id: ChatId) -> Result<Chat, Error> {
    let chat = state.store.get(id).await.map_err(|error| Error::on(id, error))?;
    chat.filter(|chat| caller.may_access(chat.owner_id)).ok_or(Error::NotFound(id))
}

/// Reads the chat that a request names.
fn chat_id(text: &str) -> Result<ChatId, Error> {
    text.parse().map_err(|error| chatmesh_core::Violations::one("chat_id", error).into())
}

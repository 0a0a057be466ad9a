//! The methods of `ChatService`, one line each; what they do is in the files beside.

mod clear_chat;
mod compact_chat;
mod create_chat;
mod delete_queued_message;
mod edit_message;
mod get_chat;
mod get_file;
mod interrupt_chat;
mod list_chats;
mod list_messages;
mod mcp_servers;
mod model;
mod promote_queued_message;
mod reconcile_chat;
mod send_message;
mod settings;
mod skills;
mod stream_chat;
mod submit_tool_results;
mod update_chat;
mod upload_file;
mod watch_chats;

use std::pin::Pin;
use std::sync::Arc;

use chatmesh_proto::chat::v1 as pb;
use chatmesh_proto::chat::v1::chat_service_server::ChatService;
use chatmesh_proto::chat::v1::file_service_server::FileService;
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

    async fn update_chat(&self, r: Request<pb::UpdateChatRequest>) -> Result<Response<pb::UpdateChatResponse>, Status> {
        unary(r, |caller, m| update_chat::update_chat(&self.state, caller, m)).await
    }

    async fn edit_message(
        &self,
        r: Request<pb::EditMessageRequest>,
    ) -> Result<Response<pb::EditMessageResponse>, Status> {
        unary(r, |caller, m| edit_message::edit_message(&self.state, caller, m)).await
    }

    async fn delete_queued_message(
        &self,
        r: Request<pb::DeleteQueuedMessageRequest>,
    ) -> Result<Response<pb::DeleteQueuedMessageResponse>, Status> {
        unary(r, |caller, m| delete_queued_message::delete_queued_message(&self.state, caller, m)).await
    }

    async fn promote_queued_message(
        &self,
        r: Request<pb::PromoteQueuedMessageRequest>,
    ) -> Result<Response<pb::PromoteQueuedMessageResponse>, Status> {
        unary(r, |caller, m| promote_queued_message::promote_queued_message(&self.state, caller, m)).await
    }

    async fn submit_tool_results(
        &self,
        r: Request<pb::SubmitToolResultsRequest>,
    ) -> Result<Response<pb::SubmitToolResultsResponse>, Status> {
        unary(r, |caller, m| submit_tool_results::submit_tool_results(&self.state, caller, m)).await
    }

    async fn compact_chat(
        &self,
        r: Request<pb::CompactChatRequest>,
    ) -> Result<Response<pb::CompactChatResponse>, Status> {
        unary(r, |caller, m| compact_chat::compact_chat(&self.state, caller, m)).await
    }

    async fn clear_chat(&self, r: Request<pb::ClearChatRequest>) -> Result<Response<pb::ClearChatResponse>, Status> {
        unary(r, |caller, m| clear_chat::clear_chat(&self.state, caller, m)).await
    }

    async fn reconcile_chat(
        &self,
        r: Request<pb::ReconcileChatRequest>,
    ) -> Result<Response<pb::ReconcileChatResponse>, Status> {
        unary(r, |caller, m| reconcile_chat::reconcile_chat(&self.state, caller, m)).await
    }

    async fn stream_chat(&self, r: Request<pb::StreamChatRequest>) -> Result<Response<Self::StreamChatStream>, Status> {
        streaming(r, |caller, m| stream_chat::stream_chat(Arc::clone(&self.state), caller, m)).await
    }

    async fn watch_chats(&self, r: Request<pb::WatchChatsRequest>) -> Result<Response<Self::WatchChatsStream>, Status> {
        streaming(r, |caller, _| watch_chats::watch_chats(Arc::clone(&self.state), caller)).await
    }
}

#[tonic::async_trait]
impl FileService for Api {
    async fn upload_file(&self, r: Request<pb::UploadFileRequest>) -> Result<Response<pb::UploadFileResponse>, Status> {
        unary(r, |caller, m| upload_file::upload_file(&self.state, caller, m)).await
    }

    async fn get_file(&self, r: Request<pb::GetFileRequest>) -> Result<Response<pb::GetFileResponse>, Status> {
        unary(r, |caller, m| get_file::get_file(&self.state, caller, m)).await
    }
}

/// Finds a chat that the caller may see; somebody else's looks as if it did not exist.
async fn find_chat(state: &State, caller: &Caller, id: ChatId) -> Result<Chat, Error> {
    let chat = state.store.get(id).await.map_err(|error| Error::on(id, error))?;
    chat.filter(|chat| caller.may_access(chat.owner_id)).ok_or(Error::NotFound(id))
}

/// Finds a chat that the caller owns: whatever makes the mesh work uses the owner's keys, so nobody else
/// may do it, not even someone who may see the chat.
async fn find_own_chat(state: &State, caller: &Caller, id: ChatId) -> Result<Chat, Error> {
    let user = caller.require_user()?;
    let chat = find_chat(state, caller, id).await?;
    if chat.owner_id == user { Ok(chat) } else { Err(Error::NotOwner) }
}

/// Reads the chat that a request names.
fn chat_id(text: &str) -> Result<ChatId, Error> {
    text.parse().map_err(|error| chatmesh_core::Violations::one("chat_id", error).into())
}

//! Files that messages refer to. They are kept apart from the messages, which only name them.
//!
//! - A file belongs to the user who uploaded it, and one that a tool gives to a chat to the owner of the chat. The first
//!   message that refers to it gives it to its chat, for good, in the transaction that keeps the message.
//! - A chat keeps the content of its newest [`MAX_FILES`] files: older ones make room, and what they were is still
//!   known. A message never pushes out its own files, nor those of a message that still waits.
//! - Files of users are in the prompts of their chats; those of tools are for people, and only named to the model.
//! - A file that no message refers to is deleted after a day.

mod media_type;
mod name;
mod purge;
mod resolve;

use chatmesh_core::{Timestamp, Uuid, typed_id};
use chatmesh_rpc::UserId;

use crate::domain::ChatId;

pub(crate) use media_type::media_type_of;
pub(crate) use name::name_of;
pub(crate) use purge::purge_loop;
pub(crate) use resolve::{names_file, resolve};

/// The most bytes of a file.
pub const MAX_FILE_BYTES: usize = 10 * 1024 * 1024;
/// The most files of a chat whose content is kept, which is also the most of a message.
pub const MAX_FILES: usize = 50;

typed_id!(
    /// A file.
    FileId,
);

/// What is known of a kept file beside its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// The identifier.
    pub id: FileId,
    /// Who uploaded it, or whose chat was given it by a tool.
    pub owner_id: UserId,
    /// The chat that it belongs to, once a message refers to it.
    pub chat_id: Option<ChatId>,
    /// The name to show.
    pub name: String,
    /// What it is.
    pub media_type: String,
    /// How long it is, or was.
    pub size_bytes: u32,
    /// True where its content made room for newer files of the chat.
    pub evicted: bool,
    /// When it was uploaded.
    pub created_at: Timestamp,
}

/// A file to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// The identifier.
    pub id: FileId,
    /// Who uploads it, or whose chat is given it by a tool.
    pub owner_id: UserId,
    /// The name to show.
    pub name: String,
    /// What it is.
    pub media_type: &'static str,
    /// The content.
    pub data: Vec<u8>,
    /// The client's identifier of the request, or one of the tool's call: the same again keeps nothing new.
    pub request_id: Option<Uuid>,
    /// When it is uploaded.
    pub created_at: Timestamp,
}

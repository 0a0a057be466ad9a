//! The chat that a call is made for.

use std::fmt;

use chatmesh_rpc::{Code, metadata};
use serde::{Deserialize, Serialize};
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::status::status;

/// The longest chat id in bytes.
const MAX_LENGTH: usize = 128;

/// Names a chat: 1 to 128 visible ASCII characters, so that it fits into an environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct ChatId(String);

impl ChatId {
    /// Reads the chat that a call names; a call that names none sees the processes of all chats.
    ///
    /// # Errors
    /// INVALID_ARGUMENT where the name is none.
    pub(crate) fn from_metadata(metadata: &MetadataMap) -> Result<Option<Self>, Status> {
        let Some(value) = metadata.get(metadata::CHAT_ID) else { return Ok(None) };
        let text = value.to_str().ok().filter(|text| is_valid(text));
        text.map(|text| Some(Self(text.to_owned()))).ok_or_else(|| {
            let message = format!("`{}` must be 1 to {MAX_LENGTH} visible ASCII characters", metadata::CHAT_ID);
            status(Code::InvalidArgument, "CHAT_ID_INVALID", message)
        })
    }

    /// Returns the id as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// A chat for tests.
    #[cfg(test)]
    pub(crate) fn for_test(id: &str) -> Self {
        Self(id.to_owned())
    }
}

impl fmt::Display for ChatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_valid(text: &str) -> bool {
    (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// True where a caller for `caller` may see what belongs to `owner`: its own, and what belongs
/// to no chat; a caller without a chat sees everything.
pub(crate) fn is_visible(owner: Option<&ChatId>, caller: Option<&ChatId>) -> bool {
    match (owner, caller) {
        (Some(owner), Some(caller)) => owner == caller,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_id_is_read_from_metadata_or_refused() {
        let mut metadata = MetadataMap::new();
        assert_eq!(ChatId::from_metadata(&metadata).expect("no chat is allowed"), None);
        metadata.insert("chatmesh-chat-id", "0190-a".parse().expect("value"));
        assert_eq!(ChatId::from_metadata(&metadata).expect("valid").expect("present").as_str(), "0190-a");
        for bad in ["", "a b"] {
            metadata.insert("chatmesh-chat-id", bad.parse().expect("value"));
            assert_eq!(ChatId::from_metadata(&metadata).expect_err("refused").code(), Code::InvalidArgument);
        }
    }
}

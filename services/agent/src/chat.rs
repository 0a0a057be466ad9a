//! The chat that a call is made for.

use std::fmt;

use chatmesh_rpc::{Code, metadata};
use serde::{Deserialize, Serialize};
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::status::status;

/// The longest chat id in bytes.
const MAX_LENGTH: usize = 128;
/// How many chats a chat may descend from.
const MAX_ANCESTORS: usize = 32;

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

    /// Reads the chats that the chat of a call descends from.
    ///
    /// # Errors
    /// INVALID_ARGUMENT where the list is none, or has more than 32 chats.
    pub(crate) fn ancestors_from_metadata(metadata: &MetadataMap) -> Result<Vec<Self>, Status> {
        let Some(value) = metadata.get(metadata::ANCESTOR_CHAT_IDS) else { return Ok(Vec::new()) };
        let names = value.to_str().ok().and_then(list).unwrap_or_else(|| vec![String::new()]);
        if names.len() > MAX_ANCESTORS || !names.iter().all(|name| is_valid(name)) {
            let message = format!(
                "`{}` must be a list of {MAX_ANCESTORS} chat ids at most, with commas between them or as a JSON array",
                metadata::ANCESTOR_CHAT_IDS
            );
            return Err(status(Code::InvalidArgument, "ANCESTOR_CHAT_IDS_INVALID", message));
        }
        Ok(names.into_iter().map(Self).collect())
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

/// The items of a list in either form; an empty text is an empty list.
fn list(text: &str) -> Option<Vec<String>> {
    let text = text.trim();
    if text.starts_with('[') {
        return serde_json::from_str(text).ok();
    }
    let items = text.split(',').map(|item| item.trim().to_owned());
    Some(if text.is_empty() { Vec::new() } else { items.collect() })
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

    #[test]
    fn ancestors_are_read_in_both_forms_or_refused() {
        let read = |value: &str| {
            let mut metadata = MetadataMap::new();
            metadata.insert("chatmesh-ancestor-chat-ids", value.parse().expect("value"));
            let ids = ChatId::ancestors_from_metadata(&metadata).map_err(|status| status.code())?;
            Ok::<Vec<String>, Code>(ids.iter().map(ToString::to_string).collect())
        };
        assert_eq!(ChatId::ancestors_from_metadata(&MetadataMap::new()).expect("none"), []);
        for (value, expected) in [
            ("", vec![]),
            ("a", vec!["a"]),
            ("a, b", vec!["a", "b"]),
            (r#"["a","b,c"]"#, vec!["a", "b,c"]),
            ("[]", vec![]),
        ] {
            assert_eq!(read(value).expect(value), expected);
        }
        let many = ["a"; 33].join(",");
        for bad in ["a,,b", "a b", "[1]", "[\"a\"", r#"[""]"#, &many] {
            assert_eq!(read(bad).expect_err(bad), Code::InvalidArgument);
        }
    }
}

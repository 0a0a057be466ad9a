//! Keys and digests of inputs.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::chat::ChatId;

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Digest([u8; 32]);

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl TryFrom<String> for Digest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let byte = |at: usize| text.get(2 * at..2 * at + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let mut bytes = [0; 32];
        for (at, slot) in bytes.iter_mut().enumerate() {
            *slot = byte(at).ok_or("not a SHA-256")?;
        }
        (text.len() == 64).then_some(Self(bytes)).ok_or("not a SHA-256")
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from(*self))
    }
}

/// Makes the digest of an input field by field, so that no two inputs look alike.
#[derive(Debug, Clone, Default)]
pub(crate) struct InputDigest(Sha256);

impl InputDigest {
    /// Adds a field.
    pub(crate) fn field(mut self, bytes: &[u8]) -> Self {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    /// Adds a part of the last field, which may come in any number of parts.
    pub(crate) fn part(mut self, bytes: &[u8]) -> Self {
        self.0.update(bytes);
        self
    }

    /// Returns the digest.
    pub(crate) fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

/// An idempotency key within its method and its chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Key(Digest);

impl Key {
    /// The longest idempotency key in bytes.
    pub(crate) const MAX_LENGTH: usize = 512;

    /// The key `name`, which a caller for `chat` gave to `method`.
    pub(crate) fn new(method: &str, chat: Option<&ChatId>, name: &str) -> Self {
        let chat = chat.map_or("", ChatId::as_str);
        let digest = InputDigest::default().field(method.as_bytes()).field(chat.as_bytes()).field(name.as_bytes());
        Self(digest.finish())
    }
}

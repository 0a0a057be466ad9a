//! What was really said: what readers are checked against.

use std::collections::HashMap;
use std::sync::Arc;

use chatmesh_proto::chat::v1::MessagePart;
use chatmesh_proto::common::v1::{Part, Role};
use parking_lot::Mutex;

use crate::convert;
use crate::domain::ChatId;
use crate::parts::EpisodeKey;

/// The record of all runners; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Truth(Arc<Mutex<Record>>);

#[derive(Debug, Default)]
struct Record {
    said: HashMap<EpisodeKey, Vec<(Role, u32, Part)>>,
    /// Which call of the model an assistant message came from.
    answers: HashMap<(ChatId, u32), EpisodeKey>,
}

impl Truth {
    pub(crate) fn begin(&self, key: EpisodeKey) {
        self.0.lock().said.insert(key, Vec::new());
    }

    pub(crate) fn say(&self, key: EpisodeKey, role: Role, index: u32, part: &Part) {
        self.0.lock().said.entry(key).or_default().push((role, index, convert::public(part.clone())));
    }

    pub(crate) fn commit(&self, key: EpisodeKey, message: u32) {
        self.0.lock().answers.insert((key.chat, message), key);
    }

    /// The call of the model that a message came from.
    pub(crate) fn origin(&self, chat: ChatId, message: u32) -> Option<EpisodeKey> {
        self.0.lock().answers.get(&(chat, message)).copied()
    }

    /// All that was said in a call.
    pub(crate) fn parts(&self, key: EpisodeKey) -> Vec<MessagePart> {
        let record = self.0.lock();
        let said = record.said.get(&key).into_iter().flatten();
        let part = |(seq, (role, index, part)): (u32, &(Role, u32, Part))| MessagePart {
            role: (*role).into(),
            part: Some(part.clone()),
            history_version: key.history_version,
            generation_attempt: key.generation_attempt,
            seq,
            index: *index,
        };
        (1..).zip(said).map(part).collect()
    }

    /// True where this part was said just so.
    pub(crate) fn holds(&self, chat: ChatId, part: &MessagePart) -> bool {
        let key =
            EpisodeKey { chat, history_version: part.history_version, generation_attempt: part.generation_attempt };
        let record = self.0.lock();
        let index = usize::try_from(part.seq).unwrap_or_default().wrapping_sub(1);
        let said = record.said.get(&key).and_then(|parts| parts.get(index));
        said.is_some_and(|(role, index, said)| {
            (*role, *index, Some(said)) == (part.role(), part.index, part.part.as_ref())
        })
    }
}

//! The chats of one owner: what concerns several of them at once.

use std::collections::BTreeMap;

use chatmesh_chat::machine::{Operation, Status};
use chatmesh_chat::{ChatId, Update};

use super::Model;
use crate::refusal::Why;

/// What an owner asks for in one call.
pub(crate) type Wish = Update;

/// The chats of one owner.
#[derive(Debug, Clone, Default)]
pub(crate) struct Household {
    pub(crate) chats: Vec<Model>,
    /// The pinned ones, in their order.
    pins: Vec<ChatId>,
}

impl Household {
    /// The place of each pinned chat.
    pub(crate) fn places(&self) -> BTreeMap<ChatId, u32> {
        self.pins.iter().copied().zip(1..).collect()
    }

    /// Changes a chat as its owner wishes, all of it or nothing.
    pub(crate) fn update(&mut self, at: usize, wish: &Wish) -> Result<(), Why> {
        let chat = &self.chats[at];
        let (id, is_root) = (chat.id, chat.root.is_none());
        let root_is_archived = self.chats.iter().any(|other| Some(other.id) == chat.root && other.archived);
        if root_is_archived && wish.archived == Some(false) {
            return Err(Why::ParentArchived);
        }
        let operation = match wish.archived {
            Some(true) if !chat.archived => Operation::Archive,
            Some(false) if chat.archived => Operation::Unarchive,
            _ => Operation::UpdateMetadata,
        };
        chat.check(operation)?;
        let archived = wish.archived.unwrap_or(chat.archived);
        let pin = wish.pin_order.unwrap_or(0);
        if pin > 0 && archived {
            return Err(Why::Archived);
        }
        if pin > 0 && !is_root {
            return Err(Why::NotARoot);
        }
        let mut family = Vec::new();
        for (other, member) in self.chats.iter().enumerate() {
            let concerned = wish.archived.is_some() && member.root == Some(id) && member.archived != archived;
            if concerned {
                member.check(if archived { Operation::Archive } else { Operation::Unarchive })?;
                family.push(other);
            }
        }

        let before = self.places();
        if wish.pin_order.is_some() || archived {
            self.pin(id, pin);
        }
        let after = self.places();
        let written = wish.metadata != Default::default();
        for (other, member) in self.chats.iter_mut().enumerate() {
            let moved = before.get(&member.id) != after.get(&member.id);
            let named = other == at && (written || operation != Operation::UpdateMetadata);
            if moved || named || family.contains(&other) {
                member.begin();
            }
            if other == at || family.contains(&other) {
                member.archived = archived;
            }
        }
        Ok(())
    }

    /// 0 takes the pin away; one that is not pinned yet goes to the end; one that is goes where it is told.
    fn pin(&mut self, id: ChatId, order: u32) {
        let at = self.pins.iter().position(|pinned| *pinned == id);
        if let Some(at) = at {
            self.pins.remove(at);
        }
        if order > 0 {
            let wanted = usize::try_from(order).expect("small") - 1;
            let place = if at.is_some() { wanted.min(self.pins.len()) } else { self.pins.len() };
            self.pins.insert(place, id);
        }
    }

    /// What only a hand can do: puts a chat away that works.
    pub(crate) fn break_chat(&mut self, at: usize) {
        let chat = &mut self.chats[at];
        assert!(!matches!(chat.status, Status::Waiting | Status::Error));
        chat.archived = true;
    }
}

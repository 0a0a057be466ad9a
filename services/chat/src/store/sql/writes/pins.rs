//! The pinned chats of a user, in the user's order: 1..n without gaps.

use chatmesh_db::{DbError, Tx, values};
use serde_json::json;

use crate::domain::Chat;
use crate::machine::Rejected;
use crate::store::sql::statements::MOVE_PINS;
use crate::store::{MAX_PINNED, StoreError};

/// Gives a chat its place among the pinned ones, `0` for none, and returns those of the `others`
/// whose places change with it. Nothing is written yet.
pub(super) fn arrange(
    chat: &mut Chat,
    archived: bool,
    mut others: Vec<Chat>,
    order: u32,
) -> Result<Vec<Chat>, StoreError> {
    if order > 0 && archived {
        return Err(StoreError::Rejected(Rejected::Archived));
    }
    if order > 0 && chat.parent_id.is_some() {
        return Err(StoreError::NotARoot);
    }
    if order > 0 && chat.pin_order == 0 && others.len() >= MAX_PINNED as usize {
        return Err(StoreError::PinsFull);
    }
    others.sort_by_key(|other| other.pin_order);
    let end = u32::try_from(others.len()).unwrap_or(u32::MAX).saturating_add(1);
    chat.pin_order = match (chat.pin_order, order) {
        (_, 0) => 0,
        // A chat that was not pinned goes to the end; one that was goes where it is told.
        (0, _) => end,
        (_, order) => order.min(end),
    };
    let places = (1..).filter(|place| *place != chat.pin_order);
    let placed = others.into_iter().zip(places);
    let moved = placed.filter(|(other, place)| other.pin_order != *place);
    Ok(moved.map(|(other, pin_order)| Chat { pin_order, ..other }).collect())
}

/// Writes the new places of `moved`, whose rows are locked, and returns them as they are afterwards. One statement for
/// all of them: whoever works on one of these chats waits for this transaction.
pub(super) async fn save(tx: &mut Tx, mut moved: Vec<Chat>) -> Result<Vec<Chat>, DbError> {
    if moved.is_empty() {
        return Ok(moved);
    }
    let places: Vec<_> = moved.iter().map(|chat| json!([chat.id.0.simple().to_string(), chat.pin_order])).collect();
    tx.execute(MOVE_PINS, values![json!(places).to_string()]).await?;
    for chat in &mut moved {
        chat.versions.snapshot += 1;
    }
    Ok(moved)
}

//! The pinned chats of a user, in the user's order: 1..n without gaps.

use crate::domain::Chat;
use crate::machine::Rejected;
use crate::store::StoreError;

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

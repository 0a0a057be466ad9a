//! The state machine of a chat: pure, total, and the only judge of what may happen when.
//!
//! A chat's [`State`] follows from its status, whether messages wait in its queue, and whether it
//! is archived. [`apply`] looks an operation up in [`TABLE`] and says which states it may lead to
//! and what the store does for it, or why it is not allowed there. `README.md` of this crate
//! draws the same table; a test keeps the two alike.

mod rejected;
mod state;
mod table;
#[cfg(test)]
mod tests;

pub use rejected::Rejected;
pub use state::{State, Status};
pub use table::{Effect, Operation, Row, TABLE};

/// Says what `operation` does in `state`.
///
/// # Errors
/// It is not allowed there; the chat stays as it is.
pub fn apply(state: State, operation: Operation) -> Result<&'static Row, Rejected> {
    let row = TABLE.iter().find(|row| row.operation == operation && row.from.contains(&state));
    row.ok_or_else(|| Rejected::because(state, operation))
}

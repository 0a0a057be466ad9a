//! Terminals of the workspace, which outlive those who look at them.
//!
//! A terminal is a program on a pseudo-terminal in a session of its own. It belongs to the agent:
//! callers come and go, the same id is the same terminal, and a newcomer is shown the last 64 KiB.
//! What the program writes goes into one [`log`], and every viewer has a position in it; that is
//! the viewer's queue, with a bound that costs nothing per viewer. The fastest viewer sets the
//! pace of the program, so that a single one loses nothing; one that falls behind the log skips,
//! and is told how much.

mod api;
mod attach;
#[cfg(any(test, fuzzing))]
pub(crate) mod check;
mod cut;
mod error;
mod input;
mod life;
mod log;
mod members;
mod run;
mod screen;
mod session;
mod spawn;
mod table;
mod terminals;
#[cfg(test)]
mod tests;

pub(crate) use api::TerminalApi;
pub(crate) use terminals::{Limits, Terminals};

//! What programs in the workspace may ask of the agent, on a socket of the agent's user.
//!
//! The agent opens no port: the socket is a file in a private directory, which is gone with the agent. Whoever can open
//! it can run programs as this user anyway.

mod api;
pub(crate) mod command;
mod program;
mod socket;

pub(crate) use api::LocalApi;
pub(crate) use program::offer_program;
pub(crate) use socket::{LocalSocket, VARIABLE};

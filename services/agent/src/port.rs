//! TCP ports of the workspace: connections to them, and which there are.
//!
//! A forward is the bulk path of an agent: bytes are read into one buffer that is used again and
//! again, messages are written to the socket as they came, and nothing is queued here. Who does
//! not take bytes holds up his own forward, by the flow control of HTTP/2 and TCP, and nothing else.

mod api;
mod connect;
mod error;
mod forward;
mod forwards;
mod input;
mod listening;
mod owners;
#[cfg(test)]
mod tests;

pub(crate) use api::PortApi;
pub(crate) use forwards::Forwards;

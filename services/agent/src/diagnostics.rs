//! Facts about the agent and its connection.

mod api;
mod facts;
mod network;
mod proxy;
mod system;
#[cfg(test)]
mod tests;
mod throughput;

pub(crate) use api::DiagnosticsApi;
pub(crate) use facts::Facts;

/// The agent's build.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The longest text among the facts, in bytes.
const MAX_TEXT: usize = 256;

/// A text of the system's, cut where it is too long to be one.
fn bounded(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_TEXT)].to_owned()
}

//! MCP servers of the workspace and their tools.
//!
//! The servers stand in files of the workspace, `.mcp.json` as a rule. Sessions belong to the
//! agent: a reload is one at a time, is bound to the agent's life and never to a caller's, connects
//! what is new or changed, closes what is gone, and leaves the rest alone. A server that does not
//! work holds up no other and is listed with its error.
//!
//! Until startup scripts have settled nothing is connected, and nothing is said about what there
//! is: the file may yet have to be cloned.

mod api;
mod config;
mod connect;
mod error;
mod expand;
mod http;
mod manager;
mod name;
mod reload;
mod session;
mod snapshot;
mod state;
mod stdio;
#[cfg(test)]
mod tests;
mod tools;
mod watch;

pub(crate) use api::McpApi;
pub(crate) use connect::Connector;
pub(crate) use manager::{Limits, Manager};

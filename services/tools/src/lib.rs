//! Tools: what a model may ask for, and doing it.
//!
//! A *tool* has a definition, which the model sees, and an implementation: in [`builtin`], which
//! acts through the agent of the chat's workspace or makes, starts and stops that workspace, in an MCP server of that
//! workspace, which [`mcp`] finds and calls, or in one outside of the mesh, which an administrator configured:
//! [`servers`]. [`catalogue`] says which chat is offered which. What a model should
//! know of the workspace besides is read by [`context`]. A failure of a tool is a result for the model
//! to read: flat (`is_error`, one sentence) where the call could not be carried out, structured
//! (an object with `error` beside other fields) where it was and failed.

mod agent;
mod api;
mod builtin;
mod catalogue;
mod config;
mod context;
mod error;
mod mcp;
mod metrics;
mod notices;
mod outcome;
mod servers;
mod service;
mod state;
#[cfg(test)]
mod tests;

pub use config::{AuthType, Availability, Config, McpServerConfig, Oauth2Config, SecretReference, Transport};
pub use error::Error;
pub use metrics::ToolMetrics;
pub use outcome::Outcome;
pub use servers::{
    GRANT_STATEMENTS, GrantRow, GrantStore, Inserted, LoginRow, Reference, STATEMENTS, Secrets, Server, ServerId,
    ServerStore, SqlGrantStore, SqlServerStore,
};
pub use service::{MIGRATIONS, Service};
pub use state::Neighbours;

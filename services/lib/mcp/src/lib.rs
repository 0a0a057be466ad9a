//! What everybody needs who is a client of MCP servers: the control plane, for servers that administrators configure,
//! and the agent, for those of a workspace.
//!
//! [`connect`] speaks both transports of the protocol over an HTTP client of the caller's, who decides where that one
//! may go. [`Redactor`] keeps secrets out of what is said of a server, and [`answer`] keeps what a server says within
//! bounds.

mod connect;
mod content;
mod discreet;
mod redact;
mod sse;

pub use connect::{ConnectError, MAX_MESSAGE_BYTES, Protocol, chain, connect, is_unauthorized, redirect};
pub use content::answer;
pub use redact::{Redactor, is_secret};

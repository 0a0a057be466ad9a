//! The way to the agents. Agents dial in; callers reach them through this service.
//!
//! - An agent *dials in* over an HTTP upgrade, [`dial_in`]; after a greeting, HTTP/2 runs on its
//!   connection with the relay as the client, [`carrier`].
//! - A *session* is one such connection. A later session of the same agent has a higher *epoch*
//!   and ends the earlier one.
//! - Every replica takes every call. One that does not hold the agent finds the *location* of its
//!   session in the store, [`location`], and forwards the call there, once, [`hop`].
//! - An agent is *supervised* for as long as its session lasts: it hears what its workspace runs,
//!   and what it reports reaches `workspaces`, [`supervise`].
//! - A replica that ends hands its agents over to others, where there are any, [`drain`].
//! - Any method of `chatmesh.agent.v1` that is called here is *forwarded* by its path to the agent
//!   that the metadata names, [`forward`]; the relay knows none of them.

mod api;
mod arrivals;
pub mod carrier;
mod config;
mod dial_in;
mod drain;
mod error;
mod forward;
mod hints;
mod hop;
mod location;
mod metrics;
mod presence;
mod service;
mod session;
mod sessions;
mod state;
mod store;
mod supervise;

pub use config::{Config, TlsConfig};
pub use error::Error;
pub use metrics::RelayMetrics;
pub use service::{MIGRATIONS, Service};
pub use store::{Location, STATEMENTS, SessionRow, SessionStore, SqlSessionStore};

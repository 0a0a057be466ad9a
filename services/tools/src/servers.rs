//! MCP servers outside of the mesh: an administrator configures them, chats choose among them, and their tools are
//! offered under `slug__tool`.
//!
//! What a server says is not trusted, and where it is is not, either: [`client`] goes nowhere but where the configuration
//! leads, in bounded time, and nothing that it says of a failure holds a secret. [`oauth`] gets the tokens of users.
//! [`govern`] decides which servers a chat has and which of their tools; [`offer`] asks all of them at once, [`visit`]
//! each of them, and [`sessions`] are kept from call to call. Servers that the mesh's own configuration names are made
//! by [`declared`], and changed by nobody else.

mod api;
mod cache;
mod call;
mod check;
mod client;
mod convert;
mod declared;
mod domain;
mod edit;
mod enabled;
mod govern;
mod headers;
mod intent;
mod oauth;
mod offer;
mod sessions;
mod state;
mod store;
#[cfg(test)]
mod testing;
mod visit;

pub(crate) use api::Api;
pub use domain::{Reference, Secrets, Server, ServerId};
pub(crate) use govern::Choice;
pub(crate) use offer::{Asked, Offered};
pub(crate) use state::Servers;
pub use store::{
    GRANT_STATEMENTS, GrantRow, GrantStore, Inserted, LoginRow, STATEMENTS, ServerStore, SqlGrantStore, SqlServerStore,
};
#[cfg(test)]
pub(crate) use testing::none;

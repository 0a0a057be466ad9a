//! Models: which there are, and calling them.
//!
//! - A *provider* is a configured source of models with its key, which is sealed at rest and
//!   never returned; a *model* is what chats refer to by name.
//! - A *codec* speaks one wire protocol: it encodes a request, and decodes whatever comes back
//!   into one stream of events, the same for every provider.
//! - A *failure* of any kind is classified once, into a kind, a sentence and whether to try again.
//!
//! The way of a call: [`api`] → [`client`] → [`codec`] → the provider → [`sse`] → [`codec`] → events.

mod api;
mod convert;
mod domain;
mod error;
mod forward;
mod presets;
mod sealed;
mod service;
mod state;
mod store;

pub mod classify;
pub mod client;
pub mod codec;
pub mod compat;
pub mod event_stream;
pub mod provider;
pub mod simulated;
pub mod sse;

pub use domain::{Model, ModelId, Provider, ProviderId, Reference, Source};
pub use error::Error;
pub use presets::{Found, Preset};
pub use sealed::{SealError, Sealer};
pub use service::{Config, MIGRATIONS, Service};
pub use store::{Deleted, Inserted, LlmStore, STATEMENTS, SqlLlmStore};

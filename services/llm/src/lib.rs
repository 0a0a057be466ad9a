//! Models: which there are, and calling them.
//!
//! - A *provider* is a configured source of models with its key, which is sealed at rest and
//!   never returned; a *model* is what chats refer to by name.
//! - A *codec* speaks one wire protocol: it encodes a request, and decodes whatever comes back
//!   into one stream of events, the same for every provider.
//! - A *failure* of any kind is classified once, into a kind, a sentence and whether to try again.
//!
//! - A *key* is the deployment's or a user's; a *limit* is what a user may use in a period; the
//!   *ledger* has one row for each call.
//!
//! The way of a call: [`api`] → [`spend`] (may it be made?) → [`route`] (whom to ask, with which key)
//! → [`client`] → [`codec`] → the provider → [`sse`] → [`codec`] → events.

mod api;
mod catalogue;
mod config;
mod convert;
mod domain;
mod error;
mod forward;
mod janitor;
mod metrics;
mod presets;
mod route;
mod service;
mod spend;
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

pub use config::{Config, DebugConfig, DebugRecords};
pub use domain::{
    Amounts, DebugRecord, Key, KeyChange, KeyId, KeyPolicy, Limit, LimitId, Model, ModelChange, ModelId, Outcome,
    Period, Provider, ProviderChange, ProviderId, Reference, Reservation, ReservationId, Scope, Source, UsageEvent,
    UsageId,
};
pub use error::Error;
pub use metrics::LlmMetrics;
pub use presets::{Found, Preset};
pub use service::{MIGRATIONS, Service};
pub use store::{
    Admission, Counted, DebugRow, Deleted, Grouping, Inserted, KEY_STATEMENTS, KeyFilter, KeyStore, LIMIT_STATEMENTS,
    LedgerStore, LimitStore, LlmStore, STATEMENTS, SqlLlmStore, Summary, USAGE_STATEMENTS, UsageFilter,
};

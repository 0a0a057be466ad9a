//! Users, their roles and their API tokens.
//!
//! A *token* is a secret that a user's programs send; only a digest of it is kept. The gateway
//! exchanges it for an *assertion*: a statement of who calls, signed, good for a minute, which
//! every service checks with the public keys that this service hands out.

mod api;
mod convert;
mod domain;
mod error;
mod service;
mod signing;
mod state;
mod store;

pub use domain::{NewToken, Token, TokenId, TokenSecret, User};
pub use error::Error;
pub use service::{MIGRATIONS, Service};
pub use signing::SigningKey;
pub use store::{IdentityStore, Inserted, STATEMENTS, SqlIdentityStore};

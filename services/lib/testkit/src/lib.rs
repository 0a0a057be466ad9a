//! chatmesh-testkit

mod databases;
pub mod recordings;
pub mod simulator;

pub use databases::{TestDb, databases, fresh_database, server, sqlite};

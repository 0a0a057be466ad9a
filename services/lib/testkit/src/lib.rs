//! chatmesh-testkit

mod buses;
mod databases;
pub mod recordings;
mod repository;
pub mod simulator;

pub use buses::{TestBus, buses, nats_url};
pub use databases::{TestDb, databases, fresh_database, postgres_url, server, sqlite, statements_are_valid};
pub use repository::Repository;

//! chatmesh-testkit

mod buses;
mod databases;
mod ports;
pub mod recordings;
mod repository;
pub mod simulator;
mod watchdog;

pub use buses::{TestBus, buses, nats_url};
pub use databases::{TestDb, databases, fresh_database, postgres_url, server, sqlite, statements_are_valid};
pub use ports::free_port;
pub use repository::Repository;
pub use watchdog::Watchdog;

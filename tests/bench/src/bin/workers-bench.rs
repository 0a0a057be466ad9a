//! How many turns per second two chat workers do, against one, on the same PostgreSQL database.
//!
//! The chats are there before the workers are: a process that serves requests only creates them. Each
//! worker runs a limited number of chats at once and the provider thinks for a moment, so that one
//! worker's room is the bound and not the machine, on which provider and mesh share the cores.
//! The figures are turns per second between the first and the last tenth of the chats; the ratio is two
//! workers to one, at best 2, and each is compared with what its room and the provider allow.
//!
//! ```text
//! cargo build --release && tests/bench/run workers-bench
//! ```

use chatmesh_bench::workers;
use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chatmesh_runtime::install_crypto();
    workers::run(workers::Args::parse()).await
}

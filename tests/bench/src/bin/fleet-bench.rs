//! What becomes of many agents when one of two relay replicas is killed: how soon each is reachable again,
//! and whether any call was carried out twice.
//!
//! Services and replicas are processes, on PostgreSQL; the agents run in this program, each with a connection, a
//! directory and receipts of its own, behind one address that leads to the replicas. One of them is killed
//! with `kill -9` while calls are made to all agents, each with an effect that can be counted.
//!
//! ```text
//! cargo build --release && tests/bench/run fleet-bench
//! ```

use chatmesh_bench::fleet;
use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chatmesh_runtime::install_crypto();
    fleet::run(fleet::Args::parse()).await
}

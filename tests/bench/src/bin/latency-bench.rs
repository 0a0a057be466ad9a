//! How long a piece of an answer takes from the provider to those who watch the chat, with 1, 100
//! and 1,000 subscribers of one chat over HTTP (server-sent events).
//!
//! The provider runs in this process and writes into each piece when it sent it; subscribers in this
//! process read that: one clock. The ratios are to readers of the provider itself, without a mesh:
//! one, and as many as there are subscribers, which is what the machine allows.
//!
//! ```text
//! cargo build --release && cargo run --release -p chatmesh-bench --bin latency-bench
//! cargo run --release -p chatmesh-bench --bin latency-bench -- --subscribers 1,100 --cluster
//! ```

use chatmesh_bench::latency;
use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chatmesh_runtime::install_crypto();
    latency::run(latency::Args::parse()).await
}

//! What a turn costs: a turn of ten tool steps through the whole mesh, each an `execute` of `echo`,
//! with a provider that answers at once. On SQLite in one process and, where a server is named, on
//! PostgreSQL with a process for each service.
//!
//! The ratio is to a bare loop that makes the same model calls and runs the same commands without a
//! mesh. Where the time goes is read from the spans of further turns, which are traced.
//!
//! ```text
//! cargo build --release && tests/bench/run turn-bench
//! cargo run --release -p chatmesh-bench --bin turn-bench -- --turns 100 --engines sqlite
//! ```

use chatmesh_bench::turn;
use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chatmesh_runtime::install_crypto();
    turn::run(turn::Args::parse()).await
}

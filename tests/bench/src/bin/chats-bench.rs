//! What 10,000 running chats cost one chat worker: memory, processor time, statements. The provider
//! streams an answer of a piece every two seconds to each of them for minutes, and nobody watches.
//!
//! The worker is the only process of the chat service, in a mesh with a process for each service, on
//! PostgreSQL where a server is named and else on SQLite, so that its memory is its own. The ratios
//! are to a process that does nothing but read as many streams of the same provider, one task each.
//! Statements are counted where the server has pg_stat_statements, as that of `tests/bench/run` has.
//!
//! ```text
//! cargo build --release && tests/bench/run chats-bench
//! tests/bench/run chats-bench --chats 1000 --window 60s
//! ```
//!
//! Each chat is a connection between provider and mesh, so as many open files are needed, in one
//! process here and in another there.

use chatmesh_bench::chats;
use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chatmesh_runtime::install_crypto();
    chats::run(chats::Args::parse()).await
}

//! What the proxy costs: requests and streams per second of a processor, what it adds to their
//! times, and its memory, beside other proxies in the same run.
//!
//! The provider and the load run in this process on one core, and answer at once; the proxy that is
//! measured has another core to itself. Every answer is read and checked.
//!
//! ```text
//! tests/bench/run llm-bench --peers
//! tests/bench/run llm-bench --rounds 5 --seconds 10 --peer other,http://127.0.0.1:9000/v1,model=m,pid=4711
//! ```

use chatmesh_bench::llm;
use clap::Parser as _;

// One thread: the provider and the load share a core, so that the proxy has one of its own.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    chatmesh_runtime::install_crypto();
    llm::run(llm::Args::parse()).await
}

//! How soon chats have workspaces of their own: many models call `create_workspace` at once, with room for all of them and
//! with credits for some; and how soon one is there that was made before anybody asked for it.
//!
//! Services are processes, and so is each agent, on this machine (`local`). The bound that the figures are compared with
//! is what the machine needs to start as many agents at once that have nobody to wait for.
//!
//! ```text
//! cargo build --release && tests/bench/run workspaces-bench
//! ```

use chatmesh_bench::workspaces;
use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chatmesh_runtime::install_crypto();
    workspaces::run(workspaces::Args::parse()).await
}

//! How fast bytes and calls reach a workspace, beside what others do on the same machine in the same run:
//! TCP, TLS, OpenSSH with a forwarded port, and a direct gRPC call.
//!
//! The mesh is processes: the caller is this program, it calls the relay, the agent has dialled the
//! relay over TLS. Bytes go on from the agent to a port of this program, as they do behind SSH. Everything
//! is measured in turns; the medians of the repetitions count, and their spread is printed.
//! OpenSSH's server (`sshd`) must be installed.
//!
//! ```text
//! cargo build --release && tests/bench/run tunnel-bench
//! ```

use chatmesh_bench::tunnel;
use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    chatmesh_runtime::install_crypto();
    tunnel::run(tunnel::Args::parse()).await
}

//! `chatmesh port-forward`: ports of a workspace as ports of this machine.

mod mapping;
mod serve;
mod tunnel;

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context as _;
use chatmesh_runtime::Tasks;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::client::{Client, Connection};
use crate::terminal;
use mapping::Mapping;
use serve::Front;

/// How long open connections may take to end.
const END_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The workspace: its name or id
    workspace: String,
    /// The ports: REMOTE, or LOCAL:REMOTE where the port here is another one (0 for a free one)
    #[arg(required = true, value_name = "[LOCAL:]REMOTE")]
    ports: Vec<Mapping>,
    /// The address to listen on here
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    address: IpAddr,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn run(args: Args) -> anyhow::Result<bool> {
    let client = Client::connect(&args.connection)?;
    let workspace = client.workspace(&args.workspace).await?;
    // All ports or none: half of them would look like all of them.
    let mut listeners = Vec::new();
    for mapping in &args.ports {
        let local = (args.address, mapping.local);
        let listener = TcpListener::bind(local).await;
        let listener = listener.with_context(|| {
            format!("cannot listen on {}:{}: choose another port here with LOCAL:{}", local.0, local.1, mapping.remote)
        })?;
        listeners.push((listener, mapping.remote));
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let tasks = Tasks::new();
    for (listener, port) in listeners {
        let address = listener.local_addr()?;
        terminal::line(format!("forwarding {address} to port {port} of {}", workspace.name));
        let front = Front::new(client.clone(), workspace.clone(), port, tasks.clone());
        tasks.spawn_loop("listener", front.serve(listener));
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = tasks.shutdown().soft().cancelled() => {}
    }
    tasks.shutdown().force();
    Ok(tasks.wait(END_TIMEOUT).await && tasks.crashed().is_none())
}

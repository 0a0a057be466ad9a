//! An agent's services on a port, without a relay.

use std::io::Write as _;
use std::net::SocketAddr;

use chatmesh_agent::{Agent, Args, Config};
use chatmesh_runtime::{Listener, Tasks, serve};
use clap::Parser as _;

/// Serves until the process is killed.
pub(super) async fn run(address: SocketAddr) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().to_string_lossy().into_owned();
    let args = Args::try_parse_from(["agent", "--url", "http://nowhere", "--directory", &path, "--state-dir", &path])?;
    let agent = Agent::open(Config::load(args, vec![("CHATMESH_AGENT_TOKEN".into(), "none".into())])?)?;
    let router = axum::Router::new().fallback_service(agent.routes());
    let listener = Listener::bind(address).await?;
    writeln!(std::io::stdout(), "ready")?;
    serve(listener, router, Tasks::new()).await;
    Ok(())
}

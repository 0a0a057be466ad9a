//! Agents that are started at once, with nothing around them: what the machine needs for that alone.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::diagnostics_service_client::DiagnosticsServiceClient;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::Args;
use crate::agents::{enrol, peer, to};
use crate::deadline::eventually;
use crate::figures::Spread;
use crate::mesh::{Plan, Storage};

const PAUSE: Duration = Duration::from_millis(20);
const SEARCH_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A process that ends when it is dropped.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How long it takes from the start of the first until each can be reached.
pub(super) async fn start(args: &Args, storage: &Storage) -> anyhow::Result<Spread> {
    let mut cluster = Plan::new(&args.programs, storage).start().await?;
    cluster.end("provisioner").await?;
    let program = args.programs.path("chatmesh-agent")?;
    let directory = tempfile::Builder::new().prefix("chatmesh-bare-").tempdir()?;
    let mut members = Vec::new();
    for number in 0..args.chats {
        let home = directory.path().join(number.to_string());
        std::fs::create_dir_all(&home)?;
        members.push((enrol(&cluster, &format!("w{number}")).await?, home));
    }
    let relay = peer(cluster.url("relay")?)?;
    let began = Instant::now();
    let mut agents = Vec::new();
    for (credentials, home) in &members {
        let mut command = Command::new(&program);
        command.env_clear().env("PATH", SEARCH_PATH).env("CHATMESH_AGENT_TOKEN", &credentials.token);
        command
            .args(["--url", cluster.url("relay")?, "--directory"])
            .arg(home)
            .arg("--state-dir")
            .arg(home.join("state"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        agents.push(Agent(command.spawn().context("cannot start an agent")?));
    }
    let times = stream::iter(&members).map(async |(credentials, _)| {
        eventually("an agent answers", args.limit, PAUSE, async || {
            let mut request = to(credentials.agent_id, pb::PingRequest {})?;
            request.set_timeout(Duration::from_secs(5));
            Ok(DiagnosticsServiceClient::new(relay.clone()).ping(request).await.ok().map(drop))
        })
        .await?;
        anyhow::Ok(began.elapsed())
    });
    Spread::of(times.buffer_unordered(args.chats).try_collect().await?)
}

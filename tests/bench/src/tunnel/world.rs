//! A mesh with one agent that dialled in over TLS, and the same agent's services on a port of their own.

use std::process::Command;

use anyhow::Context as _;
use chatmesh_proto::relay::v1::AwaitAgentRequest;
use chatmesh_proto::relay::v1::relay_service_client::RelayServiceClient;
use chatmesh_rpc::client::Peer;
use tempfile::TempDir;

use super::carriers::Way;
use crate::agents::{Credentials, enrol, peer};
use crate::mesh::{Cluster, Plan, Storage};
use crate::ports::free_port;
use crate::process::{Process, Usage};
use crate::programs::Programs;

/// The processes.
pub(super) struct World {
    agent: Process,
    _direct: Process,
    cluster: Cluster,
    _directory: TempDir,
    credentials: Credentials,
    relay: Peer,
    alone: Peer,
}

impl World {
    pub(super) async fn start(programs: &Programs) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("chatmesh-tunnel-").tempdir()?;
        let file = |name: &str| directory.path().join(name);
        let text = |name: &str| file(name).to_str().map(str::to_owned).context("a path that is no text");
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        std::fs::write(file("certificate.pem"), certified.cert.pem())?;
        std::fs::write(file("key.pem"), certified.signing_key.serialize_pem())?;
        let port = free_port()?;
        let tls = [
            ("CHATMESH_RELAY__TLS__LISTEN".to_owned(), format!("127.0.0.1:{port}")),
            ("CHATMESH_RELAY__TLS__CERTIFICATE".to_owned(), text("certificate.pem")?),
            ("CHATMESH_RELAY__TLS__KEY".to_owned(), text("key.pem")?),
        ];
        let mut cluster = Plan::new(programs, &Storage::best()).for_all(&tls).start().await?;
        // Builds are carried out here: that is how the token is known.
        cluster.end("provisioner").await?;
        let credentials = enrol(&cluster, "measured").await?;

        let work = file("work");
        std::fs::create_dir(&work)?;
        let mut command = Command::new(programs.path("chatmesh-agent")?);
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("CHATMESH_LOG", "warn");
        command.env("CHATMESH_AGENT_TOKEN", &credentials.token).env("CHATMESH_AGENT_CA_FILE", file("certificate.pem"));
        command.args(["--url", &format!("https://localhost:{port}"), "--directory"]).arg(&work);
        command.arg("--state-dir").arg(file("state"));
        let agent = Process::start("agent", command, directory.path())?;
        let relay = peer(cluster.url("relay")?)?;
        let request = AwaitAgentRequest { agent_id: credentials.agent_id.to_string(), timeout_ms: 30_000 };
        RelayServiceClient::new(relay.clone()).await_agent(request).await.context("the agent")?;

        let alone = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve-direct", &format!("127.0.0.1:{alone}")]);
        let mut direct = Process::start("direct", command, directory.path())?;
        direct.writes("ready").await?;
        let alone = peer(&format!("http://127.0.0.1:{alone}"))?;
        Ok(Self { agent, _direct: direct, cluster, _directory: directory, credentials, relay, alone })
    }

    /// The agent, through the relay.
    pub(super) fn through_relay(&self) -> Way {
        Way { peer: self.relay.clone(), agent: self.credentials.agent_id }
    }

    /// The same services without a relay.
    pub(super) fn direct(&self) -> Way {
        Way { peer: self.alone.clone(), agent: self.credentials.agent_id }
    }

    /// What relay and agent have used.
    pub(super) fn usage(&self) -> anyhow::Result<[Usage; 2]> {
        Ok([self.cluster.usage("relay")?, self.agent.usage()?])
    }

    /// The numbers of the processes on the way.
    pub(super) fn pids(&self) -> anyhow::Result<[u32; 3]> {
        Ok([self.cluster.pid("relay")?, self.agent.pid(), self._direct.pid()])
    }
}

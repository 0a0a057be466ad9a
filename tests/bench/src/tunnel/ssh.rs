//! OpenSSH with ports that it forwards.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::endpoint::{Endpoint, Ports};
use crate::deadline::{LONG, eventually};
use crate::ports::free_port;
use crate::process::Process;

/// Where distributions put the server.
const SERVER: &str = "/usr/sbin/sshd";

/// A server and a client that is logged in.
pub(super) struct Ssh {
    _client: Process,
    _server: Process,
    _directory: TempDir,
    ports: Ports,
    version: String,
}

impl Ssh {
    pub(super) async fn start(endpoint: &Endpoint) -> anyhow::Result<Self> {
        ensure!(Path::new(SERVER).exists(), "{SERVER} is missing: install openssh-server");
        let directory = tempfile::Builder::new().prefix("chatmesh-ssh-").tempdir()?;
        // The server looks who may write on the way to the file with the keys.
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o700))?;
        let (host_key, user_key) = (key(directory.path(), "host")?, key(directory.path(), "user")?);
        let authorized = directory.path().join("authorized");
        std::fs::copy(user_key.with_extension("pub"), &authorized)?;
        std::fs::set_permissions(&authorized, std::fs::Permissions::from_mode(0o600))?;
        // As the distribution's service does.
        let _ = std::fs::create_dir_all("/run/sshd");
        let port = free_port()?;
        let mut server = Command::new(SERVER);
        server.args(["-D", "-e", "-f", "/dev/null", "-p", &port.to_string()]);
        for option in [
            "ListenAddress=127.0.0.1".to_owned(),
            format!("HostKey={}", host_key.display()),
            format!("AuthorizedKeysFile={}", authorized.display()),
            "StrictModes=no".to_owned(),
            "UsePAM=no".to_owned(),
            "PermitRootLogin=prohibit-password".to_owned(),
            "PidFile=none".to_owned(),
        ] {
            server.args(["-o", &option]);
        }
        let server = Process::start("sshd", server, directory.path())?;
        reachable(port).await.context("sshd")?;

        let (sink, source) = (free_port()?, free_port()?);
        let targets = endpoint.plain();
        let mut client = Command::new("ssh");
        client.args(["-N", "-F", "/dev/null", "-p", &port.to_string(), "-i"]).arg(&user_key);
        for option in
            ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "ExitOnForwardFailure=yes"]
        {
            client.args(["-o", option]);
        }
        for (local, target) in [(sink, targets.sink), (source, targets.source)] {
            client.args(["-L", &format!("127.0.0.1:{local}:127.0.0.1:{}", target.port())]);
        }
        client.arg("127.0.0.1");
        let client = Process::start("ssh", client, directory.path())?;
        reachable(sink).await.context("ssh")?;
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let version = Command::new("ssh").arg("-V").output()?.stderr;
        let version = format!(
            "{}, its default ciphers",
            String::from_utf8_lossy(&version).split(',').next().unwrap_or_default().trim()
        );
        let ports = Ports { sink: at(sink), source: at(source) };
        Ok(Self { _client: client, _server: server, _directory: directory, ports, version })
    }

    pub(super) fn ports(&self) -> Ports {
        self.ports
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }
}

fn key(directory: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let path = directory.join(name);
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path).status()?;
    ensure!(made.success(), "ssh-keygen failed");
    Ok(path)
}

async fn reachable(port: u16) -> anyhow::Result<()> {
    eventually("a port is open", LONG, Duration::from_millis(20), async || {
        Ok(TcpStream::connect(("127.0.0.1", port)).await.ok().map(drop))
    })
    .await
}

//! A bus of a test's own, which may go away.

use std::path::Path;
use std::process::Command;

use chatmesh_testkit::free_port;

use super::super::deadline::{LONG, eventually};
use super::super::process::Process;
use super::super::sandbox::Sandbox;

const PROGRAM: &str = "nats-server";
/// Where packages put it, beside what the environment names.
const PLACES: [&str; 3] = ["/usr/sbin", "/usr/local/bin", "/usr/bin"];

/// A NATS server; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Nats {
    process: Process,
    port: u16,
    sandbox: Sandbox,
}

impl Nats {
    pub(crate) async fn start() -> Self {
        let (sandbox, port) = (Sandbox::new(), free_port());
        let process = Process::start("nats", command(port), sandbox.path());
        let nats = Self { process, port, sandbox };
        nats.ready().await;
        nats
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    pub(crate) async fn start_again(&mut self) {
        self.process = Process::start("nats", command(self.port), self.sandbox.path());
        self.ready().await;
    }

    async fn ready(&self) {
        eventually("the bus answers", LONG, async || tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await)
            .await;
    }
}

fn command(port: u16) -> Command {
    let place = PLACES.iter().map(|place| Path::new(place).join(PROGRAM)).find(|program| program.is_file());
    let mut command = Command::new(place.unwrap_or_else(|| PROGRAM.into()));
    command.args(["--addr", "127.0.0.1", "--port", &port.to_string()]);
    command
}

//! Servers of third parties.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use chatmesh_mesh_tests::eventually;
use chatmesh_testkit::free_port;
use tokio::process::{Child, Command};

/// A process that listens, and is killed when this is dropped.
#[derive(Debug)]
pub struct Server {
    /// It ends with this value.
    _process: Child,
    log: PathBuf,
    port: u16,
}

impl Server {
    /// Starts a server on a free port, for which `command` makes the command, and waits until
    /// `path` answers with success.
    ///
    /// # Panics
    /// It does not start.
    pub async fn start(directory: &Path, path: &str, command: impl FnOnce(u16) -> Command) -> Self {
        let server = Self::spawn(directory, command);
        chatmesh_runtime::install_crypto();
        let url = format!("{}{path}", server.url());
        let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        eventually(
            &format!("{url} answers"),
            async || match http.get(&url).send().await {
                Ok(answer) if answer.status().is_success() => String::new(),
                Ok(answer) => format!("{}\n{}", answer.status(), server.output()),
                Err(error) => format!("{error}\n{}", server.output()),
            },
            String::is_empty,
        )
        .await;
        server
    }

    fn spawn(directory: &Path, command: impl FnOnce(u16) -> Command) -> Self {
        let port = free_port();
        let log = directory.join("log");
        let output = File::create(&log).expect("a log");
        let process = command(port)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle"))
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .expect("the server starts");
        Self { _process: process, log, port }
    }

    /// Starts a server on a free port, and waits until it can be connected.
    ///
    /// # Panics
    /// It does not start.
    pub async fn listening(directory: &Path, command: impl FnOnce(u16) -> Command) -> Self {
        let server = Self::spawn(directory, command);
        let connect = async || match tokio::net::TcpStream::connect(("127.0.0.1", server.port)).await {
            Ok(_) => String::new(),
            Err(error) => format!("{error}\n{}", server.output()),
        };
        eventually("the server listens", connect, String::is_empty).await;
        server
    }

    /// Where it answers, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    #[expect(clippy::print_stderr, reason = "a failing test shows what its servers wrote")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- what the server wrote\n{}", self.output());
        }
    }
}

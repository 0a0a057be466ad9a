//! A database server of a test's own, which may crash.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chatmesh_testkit::free_port;

use super::super::sandbox::Sandbox;

/// Where Debian and its like put the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// Elsewhere they are all in one place.
const PLACES: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/usr/pgsql/bin"];
/// What the test writes need not survive the machine, only the server.
const OPTIONS: &str = "-c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off -c max_connections=300 \
                       -c autovacuum=off";

/// A PostgreSQL server; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Postgres {
    programs: PathBuf,
    port: u16,
    /// Where its files are, and its processes.
    sandbox: Sandbox,
}

impl Postgres {
    /// Starts a server with an empty cluster of databases.
    pub(crate) async fn start() -> Self {
        let server = Self { programs: programs(), port: free_port(), sandbox: Sandbox::new() };
        std::fs::create_dir(server.home()).expect("a directory");
        if is_root() {
            // The server refuses to run as root, and has to reach its files.
            std::fs::set_permissions(server.sandbox.path(), Permissions::from_mode(0o755)).expect("changed");
            run(Command::new("chown").arg("postgres:postgres").arg(server.home()));
        }
        let data = server.data();
        let mut initdb = server.program("initdb");
        initdb.args(["--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-D"]).arg(data);
        server.run_blocking(initdb).await;
        server.control(&["start"]).await;
        server
    }

    /// The url of the server, without a database.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}", self.port)
    }

    /// Ends the server as a crash would, starts it again, and waits until it has recovered.
    pub(crate) async fn crash_and_restart(&self) {
        self.control(&["restart", "-m", "immediate"]).await;
    }

    /// Refuses whoever does not come over TLS, from now on. Returns the authority of its certificate.
    pub(crate) async fn demand_tls(&self) -> PathBuf {
        let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        let authority = self.home().join("authority.pem");
        std::fs::write(&authority, certified.cert.pem()).expect("written");
        for (name, text) in [
            ("server.crt", certified.cert.pem()),
            ("server.key", certified.signing_key.serialize_pem()),
            ("pg_hba.conf", "hostssl all all 127.0.0.1/32 trust\n".to_owned()),
            ("postgresql.auto.conf", "ssl = on\n".to_owned()),
        ] {
            let file = self.data().join(name);
            std::fs::write(&file, text).expect("written");
            std::fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("changed");
            if is_root() {
                run(Command::new("chown").arg("postgres:postgres").arg(&file));
            }
        }
        self.control(&["restart", "-m", "fast"]).await;
        authority
    }

    async fn control(&self, arguments: &[&str]) {
        let options = format!("{OPTIONS} -p {} -c unix_socket_directories={}", self.port, self.home().display());
        let mut command = self.program("pg_ctl");
        command.args(arguments).args(["--wait", "--options", &options]).arg("-D").arg(self.data());
        command.arg("--log").arg(self.home().join("server.log"));
        self.run_blocking(command).await;
    }

    async fn run_blocking(&self, mut command: Command) {
        tokio::task::spawn_blocking(move || run(&mut command)).await.expect("it runs");
    }

    /// A program of PostgreSQL, run by somebody who may.
    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.home());
        command
    }

    fn home(&self) -> PathBuf {
        self.sandbox.path().join("postgres")
    }

    fn data(&self) -> PathBuf {
        self.home().join("data")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // In order, because it has memory that others have to give back.
        let mut stop = self.program("pg_ctl");
        stop.args(["stop", "-m", "immediate", "--wait", "-D"]).arg(self.data());
        let _ = stop.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// Runs a program whose success is taken for granted. Its output is a file: the server that it
/// starts would hold a pipe open.
fn run(command: &mut Command) {
    let output = tempfile::tempfile().expect("a file");
    let handle = || Stdio::from(output.try_clone().expect("a second handle"));
    let status = command.stdin(Stdio::null()).stdout(handle()).stderr(handle()).status();
    let status = status.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}: {}", read(&output));
}

fn read(mut output: &std::fs::File) -> String {
    use std::io::{Read as _, Seek as _};
    let mut text = String::new();
    output.rewind().and_then(|()| output.read_to_string(&mut text)).map_or_else(|error| error.to_string(), |_| text)
}

/// The directory of the newest programs.
///
/// # Panics
/// There are none.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort();
    let places = versions.into_iter().rev().map(|(_, place)| place).chain(PLACES.map(PathBuf::from));
    let found = places.into_iter().find(|place| place.join("initdb").is_file() && place.join("pg_ctl").is_file());
    found.expect("`initdb` and `pg_ctl` of PostgreSQL: install the package `postgresql`")
}

fn is_root() -> bool {
    std::fs::metadata(Path::new("/proc/self")).is_ok_and(|process| process.uid() == 0)
}

//! Whether this machine can isolate.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::{Places, Sandbox};
use crate::Config;

/// How long trying it out may take.
const TRY_TIMEOUT: Duration = Duration::from_secs(10);
/// Where programs are looked for.
const PATH: [&str; 4] = ["/usr/bin", "/bin", "/usr/local/bin", "/run/current-system/sw/bin"];

/// Finds out how to isolate on this machine, by doing it once with a program that does nothing. The data directory is
/// there, and named without links: it is covered.
///
/// # Errors
/// It does not work, and why.
pub(in crate::local) async fn find(config: &Config, data_dir: &Path) -> Result<Sandbox, String> {
    let bubblewrap = program("bwrap").ok_or("bubblewrap (`bwrap`) is not installed")?;
    let setsid = program("setsid").ok_or("`setsid` is not installed")?;
    let nothing = program("true").ok_or("`true` is not installed")?;
    // How the agent is found in its sandbox.
    let me = std::process::id();
    if !Path::new(&format!("/proc/{me}/task/{me}/children")).exists() {
        return Err("the kernel does not tell the children of processes".to_owned());
    }
    let config = config.clone();
    let places = tokio::task::spawn_blocking(move || Places::find(&config)).await.map_err(|error| error.to_string())?;
    let places = places.map_err(|error| error.to_string())?;
    let sandbox = Sandbox { setsid, bubblewrap, places, data_dir: data_dir.to_owned() };
    let mut command = Command::new(sandbox.program());
    command.args(sandbox.system()).arg("--").arg(nothing);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).env_clear();
    let tried = timeout(TRY_TIMEOUT, command.output()).await;
    let output = tried.map_err(|_| "bubblewrap did not end in time")?;
    let output = output.map_err(|error| format!("bubblewrap can not be run: {error}"))?;
    if output.status.success() {
        return Ok(sandbox);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("bubblewrap does not work here: {}", said.lines().next_back().unwrap_or("it said nothing")))
}

fn program(name: &str) -> Option<PathBuf> {
    PATH.iter().map(|directory| Path::new(directory).join(name)).find(|program| program.is_file())
}

//! Workspaces of earlier releases, whose own commands can write to what we kept of them.

use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use nix::sys::stat::Mode;

use super::*;

impl World {
    /// The directory as an earlier release has left it.
    fn earlier(&self) -> PathBuf {
        let agent = self.root().join("agent");
        fs::create_dir_all(&agent).expect("made");
        fs::create_dir_all(self.root().join("home")).expect("made");
        fs::write(self.root().join("home/file"), "kept").expect("written");
        agent
    }

    /// A process that was started with the words of an agent, as an earlier release has noted it.
    fn agent_of(&self, state_dir: &Path) -> Child {
        let (script, home) = (self.dir.path().join("agent.sh"), self.root().join("home"));
        let mut command = Command::new("/bin/sh");
        command.arg(script).arg("--directory").arg(&home).arg("--state-dir").arg(state_dir);
        command.env("HOME", home).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let child = command.spawn().expect("started");
        let identity = Identity::of(child.id().cast_signed()).expect("it lives");
        let pid = self.root().join("agent/agent.pid");
        fs::write(pid, serde_json::to_vec(&identity).expect("text")).expect("written");
        child
    }
}

const RECORD: &str = r#"{"state": "running", "url": "http://relay", "variables": {"CHATMESH_PARAMETER_A": "1",
    "LD_PRELOAD": "/x"}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_of_an_earlier_release_comes_back_with_its_files_and_its_token() {
    let (world, (local, tasks)) = world();
    let agent = world.earlier();
    fs::write(agent.join("agent.json"), RECORD).expect("written");
    fs::write(agent.join("agent.token"), "token").expect("written");
    fs::write(agent.join("receipts"), "kept").expect("written");
    let mut before = world.agent_of(&agent);
    eventually("the earlier agent is up", || agent.join("ready").exists()).await;
    fs::remove_file(agent.join("ready")).expect("removed");

    local.take_up().await;
    let after = world.ready(0).await;
    before.wait().expect("ended");
    assert!(lives(after));
    assert_eq!((world.read("home/file"), world.read("agents/main/receipts")), ("kept".to_owned(), "kept".to_owned()));
    assert_eq!(world.read("control/main.token"), "token");
    let environment = world.read("agents/main/env");
    assert!(environment.contains("CHATMESH_PARAMETER_A=1") && !environment.contains("LD_PRELOAD"), "{environment}");
    assert!(!agent.exists());
    end(local, tasks).await;
}

/// A process that is none of the workspace's is not ended, whatever the workspace says of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_of_an_earlier_release_names_no_foreign_process() {
    let (world, (local, _tasks)) = world();
    let agent = world.earlier();
    let neighbour = world.dir.path().join("neighbour");
    fs::create_dir(&neighbour).expect("made");
    let mut foreign = world.agent_of(&neighbour);
    fs::write(agent.join("agent.json"), RECORD.replace("running", "stopped")).expect("written");
    local.take_up().await;
    local.carry_out(world.job(Work::Stop)).await.expect("stopped");
    assert!(lives(foreign.id().cast_signed()));
    foreign.kill().and_then(|()| foreign.wait()).expect("ended");
}

/// Pipes that nobody writes to, links that lead elsewhere: neither other workspaces nor builds wait for them.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_workspace_of_an_earlier_release_has_made_of_its_files_stops_nobody() {
    let (world, (local, tasks)) = world();
    let agent = world.earlier();
    let secret = world.dir.path().join("secret");
    fs::write(&secret, "s").expect("written");
    for file in ["agent.json", "agent.pid", "agent.token"] {
        nix::unistd::mkfifo(&agent.join(file), Mode::S_IRWXU).expect("a pipe");
    }
    symlink(&secret, agent.join("agent.log")).expect("linked");
    fs::create_dir(agent.join("agent.log.1")).expect("made");

    let taken_up = tokio::time::timeout(Duration::from_secs(10), local.take_up()).await;
    taken_up.expect("nothing is waited for");
    local.carry_out(world.start("token")).await.expect("started");
    world.ready(0).await;
    assert_eq!(fs::read_to_string(&secret).expect("read"), "s");
    local.carry_out(world.job(Work::Stop)).await.expect("stopped");
    local.carry_out(world.job(Work::Delete)).await.expect("deleted");
    assert!(!world.root().exists());
    end(local, tasks).await;
}

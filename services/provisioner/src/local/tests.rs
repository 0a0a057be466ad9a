//! The agent is a shell script here. It writes its number, its arguments and its environment to
//! its state directory, and what it does next depends on a file in its home directory.

mod earlier;
mod isolation;
mod suite;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use chatmesh_core::{IdSource as _, SystemIds};
use tempfile::TempDir;
use tokio::time::Instant;

use super::directory::AgentFiles;
use super::process::Identity;
use super::*;
use crate::backend::carry_out;
use crate::config::{Isolation, LocalConfig};
use crate::conformance::run;
use crate::job::Work;

const SCRIPT: &str = r#"
dir="$4"
for word in "$@"; do printf '%s\n' "$word"; done > "$dir/args"
env > "$dir/env"
echo out; echo err >&2
[ -e "$HOME/refuse" ] && exit 78
[ -e "$HOME/stubborn" ] && trap '' TERM || trap 'echo bye; exit 0' TERM
[ -e "$HOME/held" ] && trap 'touch "$HOME/asked"' TERM
[ -e "$HOME/slow" ] && trap 'sleep 0.8; touch "$HOME/stopped"; exit 0' TERM
[ -e "$HOME/slower" ] && trap 'sleep 30; touch "$HOME/stopped"; exit 0' TERM
echo $$ > "$dir/ready.new" && mv "$dir/ready.new" "$dir/ready"
while :; do sleep 0.05; done
"#;

struct World {
    dir: TempDir,
    id: WorkspaceId,
    stop_grace: Duration,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("agent.sh"), SCRIPT).expect("written");
        Self { dir, id: WorkspaceId(SystemIds.next()), stop_grace: Duration::from_millis(500) }
    }

    /// A provisioner's life; it ends when its tasks are told to.
    fn local(&self) -> (Local, Tasks) {
        self.local_at("http://relay")
    }

    fn local_at(&self, url: &str) -> (Local, Tasks) {
        let script = self.dir.path().join("agent.sh").to_str().expect("utf-8").to_owned();
        let config = Config {
            data_dir: self.dir.path().join("data"),
            agent_program: PathBuf::from("/bin/sh"),
            agent_args: vec![script],
            agent_url: url.to_owned(),
            otlp_endpoint: Some("http://traces".to_owned()),
            stop_grace: self.stop_grace,
            local: LocalConfig { isolation: Isolation::None, ..LocalConfig::default() },
            ..Config::default()
        };
        let tasks = Tasks::new();
        (Local::new(config, tasks.clone()), tasks)
    }

    fn job(&self, work: Work) -> Job {
        Job::for_test(self.id, work)
    }

    fn start(&self, token: &str) -> Job {
        Job::start_for_test(self.id, token)
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("data/workspaces").join(self.id.to_string())
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.root().join(file)).unwrap_or_default()
    }

    /// Waits until an agent other than `before` is up, and returns its number.
    async fn ready(&self, before: i32) -> i32 {
        let number = || self.read("agents/main/ready").trim().parse::<i32>().ok().filter(|pid| *pid != before);
        eventually("an agent is up", || number().is_some()).await;
        number().expect("a number")
    }

    fn state(&self) -> State {
        Directory::new(&self.dir.path().join("data"), self.id).read_record().expect("read").expect("a record").state
    }
}

impl Local {
    async fn carry_out(&self, job: Job) -> Result<(), Failure> {
        carry_out(self, &job, &run()).await
    }
}

async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(15);
    while !condition() {
        assert!(Instant::now() < until, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The files of the only agent.
fn main(directory: &Directory) -> AgentFiles {
    directory.agent(&AgentName::main())
}

fn lives(pid: i32) -> bool {
    Identity::of(pid).is_ok_and(|identity| identity.is_alive())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_is_started_stopped_and_deleted_each_as_often_as_asked() {
    let (world, (local, _tasks)) = world();
    local.carry_out(world.start("one")).await.expect("started");
    let first = world.ready(0).await;
    assert_eq!(world.read("control/main.token"), "one");
    assert_eq!(world.state(), State::Running);

    local.carry_out(world.start("two")).await.expect("started again");
    let second = world.ready(first).await;
    assert!(!lives(first) && lives(second));
    assert_eq!(world.read("control/main.token"), "two");

    for _ in 0..2 {
        local.carry_out(world.job(Work::Stop)).await.expect("stopped");
        assert!(!lives(second));
        assert_eq!(world.state(), State::Stopped);
        assert!(!world.root().join("control/main.token").exists());
    }
    assert!(world.read("control/main.log").contains("out\nerr\n"));

    local.carry_out(world.start("three")).await.expect("started once more");
    let third = world.ready(second).await;
    fs::create_dir(world.root().join("home/sealed")).expect("made");
    fs::write(world.root().join("home/sealed/file"), "x").expect("written");
    fs::set_permissions(world.root().join("home/sealed"), fs::Permissions::from_mode(0o555)).expect("sealed");
    for _ in 0..2 {
        local.carry_out(world.job(Work::Delete)).await.expect("deleted");
        assert!(!lives(third) && !world.root().exists());
    }
    local.carry_out(world.job(Work::Stop)).await.expect("nothing to stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_gets_what_it_needs_and_nothing_else() {
    let (world, (local, tasks)) = world();
    local.carry_out(world.start("secret-token")).await.expect("started");
    world.ready(0).await;

    let (home, state_dir) = (world.root().join("home"), world.root().join("agents/main"));
    let control = world.root().join("control");
    let expected = format!("--directory\n{}\n--state-dir\n{}\n", home.display(), state_dir.display());
    assert_eq!(world.read("agents/main/args"), expected);

    let environment = world.read("agents/main/env");
    for line in [
        format!("HOME={}", home.display()),
        "CHATMESH_AGENT_URL=http://relay".to_owned(),
        format!("CHATMESH_AGENT_TOKEN_FILE={}", control.join("main.token").display()),
        format!("CHATMESH_WORKSPACE_ID={}", world.id),
        "CHATMESH_AGENT_OTLP_ENDPOINT=http://traces".to_owned(),
    ] {
        assert!(environment.lines().any(|found| found == line), "{line} is not in {environment}");
    }
    let names = environment.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name);
    let allowed = ["PATH", "HOME", "LANG", "TZ", "USER"];
    // The shell itself sets the last three.
    let shell = ["PWD", "SHLVL", "_", "OLDPWD"];
    for name in names {
        let known = allowed.contains(&name) || shell.contains(&name) || name.starts_with("CHATMESH_AGENT_");
        assert!(known || name == "CHATMESH_WORKSPACE_ID", "{name} is passed on");
    }
    assert!(!environment.contains("secret-token"));

    for path in [world.root(), home, state_dir, control.clone()] {
        assert_eq!(mode(&path), 0o700, "{}", path.display());
    }
    for file in ["main.token", "workspace.json", "main.pid", "main.log"] {
        assert_eq!(mode(&control.join(file)), 0o600, "{file}");
    }
    end(local, tasks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_dies_is_started_again() {
    let (world, (local, tasks)) = world();
    local.carry_out(world.start("token")).await.expect("started");
    let first = world.ready(0).await;
    killpg(first);
    let second = world.ready(first).await;
    assert!(lives(second));
    end(local, tasks).await;
    assert!(!lives(second));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_was_refused_is_not_started_again() {
    let (world, (local, tasks)) = world();
    local.carry_out(world.start("token")).await.expect("started");
    let first = world.ready(0).await;
    fs::write(world.root().join("home/refuse"), "").expect("written");
    killpg(first);
    eventually("the refusal is recorded", || world.state() == State::Refused).await;
    eventually("nobody looks after it", || tasks.running().is_empty()).await;
    end(local, tasks).await;

    let (local, tasks) = world.local();
    local.take_up().await;
    assert_eq!(tasks.running(), []);
}

/// What another hand has written counts more than what this provisioner has begun.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_not_to_run_any_more_is_not_started_again() {
    let (world, (local, tasks)) = world();
    local.carry_out(world.start("token")).await.expect("started");
    let first = world.ready(0).await;
    fs::remove_file(world.root().join("agents/main/ready")).expect("removed");
    Directory::new(&world.dir.path().join("data"), world.id).write_stopped().expect("written");
    killpg(first);
    eventually("nobody looks after it", || tasks.running().is_empty()).await;
    assert_eq!((world.state(), world.read("agents/main/ready")), (State::Stopped, String::new()));
    end(local, tasks).await;
}

/// Of several agents, the one that is refused keeps none of the others from coming back.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_refused_leaves_the_others_to_run() {
    let (world, (local, tasks)) = world();
    let agents = ["main", "dev-chat"].map(|name| JobAgent::for_test(name, name));
    local.carry_out(world.job(Work::Start(agents.to_vec()))).await.expect("started");
    let other = || world.read("agents/dev-chat/ready").trim().parse::<i32>().ok();
    let main = world.ready(0).await;
    eventually("both are up", || other().is_some()).await;
    fs::write(world.root().join("home/refuse"), "").expect("written");
    killpg(main);
    eventually("one is looked after", || tasks.running() == [("agent supervisor", 1)]).await;
    fs::remove_file(world.root().join("home/refuse")).expect("removed");
    assert!(lives(other().expect("a number")));
    end(local, tasks).await;

    let (local, tasks) = world.local();
    local.take_up().await;
    assert_eq!((tasks.running(), world.state()), (vec![("agent supervisor", 1)], State::Running));
    end(local, tasks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_does_not_end_when_asked_is_killed() {
    let (world, (local, _tasks)) = world();
    local.carry_out(world.start("one")).await.expect("started");
    let first = world.ready(0).await;
    fs::write(world.root().join("home/stubborn"), "").expect("written");
    local.carry_out(world.start("two")).await.expect("started again");
    let stubborn = world.ready(first).await;

    let asked = Instant::now();
    local.carry_out(world.job(Work::Stop)).await.expect("stopped");
    assert!(asked.elapsed() >= local.stop_grace);
    assert!(!lives(stubborn));
}

/// S01: scripts that run on stop take their time.
#[tokio::test(flavor = "multi_thread")]
async fn s01_an_agent_that_ends_within_its_grace_is_not_killed() {
    for (agent, grace, is_done) in
        [("slow", Duration::from_secs(30), true), ("slower", Duration::from_millis(100), false)]
    {
        let world = World { stop_grace: grace, ..World::new() };
        let (local, _tasks) = world.local();
        fs::create_dir_all(world.root().join("home")).expect("made");
        fs::write(world.root().join("home").join(agent), "").expect("written");
        local.carry_out(world.start("token")).await.expect("started");
        let agent = world.ready(0).await;
        local.carry_out(world.job(Work::Stop)).await.expect("stopped");
        assert!(!lives(agent));
        assert_eq!(world.root().join("home/stopped").exists(), is_done, "{grace:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_survives_a_killed_provisioner_and_is_adopted() {
    let (world, (local, tasks)) = world();
    local.carry_out(world.start("token")).await.expect("started");
    let first = world.ready(0).await;
    kill_provisioner(local, tasks).await;
    assert!(lives(first));

    let (local, tasks) = world.local();
    local.take_up().await;
    assert_eq!(tasks.running(), [("agent supervisor", 1)]);
    assert!(lives(first));
    killpg(first);
    let second = world.ready(first).await;

    // The next one dies with its provisioner; the one after that is not left without.
    kill_provisioner(local, tasks).await;
    killpg(second);
    eventually("it is gone", || !lives(second)).await;
    let (local, _tasks) = world.local();
    local.take_up().await;
    let third = world.ready(second).await;
    local.carry_out(world.job(Work::Stop)).await.expect("stopped");
    assert!(!lives(third));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adopted_agent_is_stopped_like_any_other() {
    let (world, (local, tasks)) = world();
    local.carry_out(world.start("token")).await.expect("started");
    let first = world.ready(0).await;
    kill_provisioner(local, tasks).await;

    let (local, _tasks) = world.local();
    local.take_up().await;
    local.carry_out(world.job(Work::Stop)).await.expect("stopped");
    assert!(!lives(first));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_dials_an_old_address_is_replaced() {
    let (world, (local, tasks)) = world();
    local.carry_out(world.start("token")).await.expect("started");
    let first = world.ready(0).await;
    kill_provisioner(local, tasks).await;

    let (local, tasks) = world.local_at("http://elsewhere");
    local.take_up().await;
    let second = world.ready(first).await;
    assert!(!lives(first) && lives(second));
    assert!(world.read("agents/main/env").contains("CHATMESH_AGENT_URL=http://elsewhere"));
    end(local, tasks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_end_stops_agents_and_the_next_start_brings_them_back() {
    let (world, (local, tasks)) = world();
    local.carry_out(world.start("token")).await.expect("started");
    let first = world.ready(0).await;
    end(local, tasks).await;
    assert!(!lives(first));
    assert_eq!(world.state(), State::Running);

    let (local, tasks) = world.local();
    local.take_up().await;
    let second = world.ready(first).await;
    end(local, tasks).await;
    assert!(!lives(second));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_does_not_exist_fails_the_build_with_its_name() {
    let (world, (_, tasks)) = world();
    let config = Config {
        data_dir: world.dir.path().join("data"),
        agent_program: PathBuf::from("/no/such/agent"),
        ..Config::default()
    };
    let failure = Local::new(config, tasks).carry_out(world.start("token")).await.expect_err("failed");
    assert_eq!(failure.left(), Left { nothing_runs: true, not_undone: false }, "it takes no credits");
    let failure = failure.to_string();
    assert!(failure.contains("/no/such/agent") && failure.contains("provisioner.agent_program"), "{failure}");
    assert!(!failure.contains("token"));
    assert_eq!(world.state(), State::Stopped);
}

fn world() -> (World, (Local, Tasks)) {
    let world = World::new();
    let local = world.local();
    (world, local)
}

fn killpg(pid: i32) {
    nix::sys::signal::killpg(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).expect("killed");
}

async fn end(local: Local, tasks: Tasks) {
    tasks.shutdown().begin();
    local.shut_down().await;
    assert!(tasks.wait(Duration::from_secs(5)).await, "{:?}", tasks.running());
}

async fn kill_provisioner(local: Local, tasks: Tasks) {
    tasks.shutdown().force();
    assert!(tasks.wait(Duration::from_secs(5)).await, "{:?}", tasks.running());
    drop(local);
}

//! What an isolated workspace sees and what it does not, where bubblewrap works.

use super::*;

/// True where this machine isolates; says so where it does not.
pub(super) async fn isolates(dir: &TempDir) -> bool {
    let config = Config { data_dir: dir.path().join("data"), ..Config::default() };
    fs::create_dir_all(&config.data_dir).expect("made");
    let found = sandbox::find(&config, &fs::canonicalize(&config.data_dir).expect("there")).await;
    if let Err(reason) = &found {
        eprintln!("SKIPPED: isolated workspaces: {reason}");
    }
    found.is_ok()
}

/// Tries what it should not be able to do, then stays.
const CURIOUS: &str = r#"
dir="$4"
try() { name=$1; shift; if "$@" >/dev/null 2>&1; then echo "$name yes"; else echo "$name no"; fi; }
{
  try secret cat "$SECRET"
  try neighbour ls "$NEIGHBOUR"
  try data ls "$DATA/workspaces/x"
  try system touch /usr/x
  try etc touch /etc/x
  try own_tmp touch /tmp/mine
  try home touch "$HOME/made"
  try token cat "$CHATMESH_AGENT_TOKEN_FILE"
  try token_change sh -c 'echo x > "$CHATMESH_AGENT_TOKEN_FILE"'
  try log cat "${CHATMESH_AGENT_TOKEN_FILE%.token}.log"
  try processes kill -0 "$OUTSIDE"
  try hidden_file grep -q . /etc/passwd
  try hidden_directory sh -c '[ -n "$(ls /usr/share | grep -v zoneinfo)" ]'
  try services sh -c 'ls /var/lib/*'
  try docker ls /run/docker.sock
  try chown_root sh -c 'mount -o remount,rw / '
  try dns cat /etc/resolv.conf
  echo "first $(cat /proc/1/comm)"
} > "$dir/found.new" 2>&1
trap 'touch "$HOME/stopped"; exit 0' TERM
mv "$dir/found.new" "$dir/found"
while :; do sleep 0.05; done
"#;

struct Curious {
    dir: TempDir,
    tasks: Tasks,
    local: Local,
}

impl Curious {
    fn new(isolation: Isolation) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("agent.sh"), CURIOUS).expect("written");
        fs::write(dir.path().join("secret"), "x").expect("written");
        let (script, link) = (dir.path().join("agent.sh"), dir.path().join("link"));
        std::os::unix::fs::symlink("/usr/share", &link).expect("linked");
        let config = Config {
            data_dir: dir.path().join("data"),
            agent_program: PathBuf::from("/bin/sh"),
            agent_args: vec![script.to_str().expect("utf-8").to_owned()],
            agent_url: "http://relay".to_owned(),
            stop_grace: Duration::from_secs(10),
            local: LocalConfig { isolation, readable: vec![script], hidden: vec!["/etc/passwd".into(), link] },
            ..Config::default()
        };
        let tasks = Tasks::new();
        let local = Local::new(config, tasks.clone());
        Self { dir, tasks, local }
    }

    fn start(&self, id: WorkspaceId) -> Job {
        let data = self.dir.path().join("data");
        let variables = [
            ("SECRET", self.dir.path().join("secret")),
            ("NEIGHBOUR", data.join("workspaces/neighbour")),
            ("DATA", data),
            ("OUTSIDE", std::process::id().to_string().into()),
        ];
        let variables = variables.map(|(name, path)| (name.to_owned(), path.to_str().expect("utf-8").to_owned()));
        Job { variables: variables.into(), ..Job::start_for_test(id, "token") }
    }

    fn directory(&self, id: WorkspaceId) -> Directory {
        Directory::new(&self.dir.path().join("data"), id)
    }
}

/// F.2: a workspace reaches neither other workspaces nor what the mesh keeps, and changes nothing of the system.
#[tokio::test(flavor = "multi_thread")]
async fn an_isolated_workspace_sees_its_own_and_the_system_and_changes_its_own_alone() {
    let curious = Curious::new(Isolation::Bubblewrap);
    if !isolates(&curious.dir).await {
        return;
    }
    fs::create_dir_all(curious.dir.path().join("data/workspaces/neighbour")).expect("made");
    fs::create_dir_all(curious.dir.path().join("data/workspaces/x")).expect("made");
    let id = WorkspaceId(SystemIds.next());
    let run = run();
    carry_out(&curious.local, &curious.start(id), &run).await.expect("started");
    assert!(run.log.texts_for_test().iter().any(|line| line == "the workspace is isolated with bubblewrap"));
    let directory = curious.directory(id);
    let found = main(&directory).state_dir().join("found");
    eventually("it has looked around", || found.exists()).await;
    let found = fs::read_to_string(found).expect("read");
    let may: Vec<&str> = found.lines().filter_map(|line| line.strip_suffix(" yes")).collect();
    assert_eq!(may, ["own_tmp", "home", "token", "dns"], "{found}");
    assert!(found.contains("first bwrap"), "{found}");
    assert!(directory.home().join("made").exists());

    // It is asked to end like any other agent, and has its time.
    carry_out(&curious.local, &Job::for_test(id, Work::Stop), &run).await.expect("stopped");
    assert!(directory.home().join("stopped").exists());
    assert!(main(&directory).living_process().expect("read").is_none());
    assert!(curious.tasks.wait(Duration::from_secs(5)).await, "{:?}", curious.tasks.running());
}

/// What runs in the sandbox goes with it, whatever it ignores.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_isolated_workspace_outlives_it() {
    let machine = tempfile::tempdir().expect("a directory");
    if !isolates(&machine).await {
        return;
    }
    let script = machine.path().join("agent.sh");
    let mark = format!("{}", 100_000 + std::process::id());
    let agent =
        format!("trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep {mark}' & echo up > \"$4/up\"; wait; sleep {mark}");
    fs::write(&script, agent).expect("written");
    let config = Config {
        data_dir: machine.path().join("data"),
        agent_program: PathBuf::from("/bin/sh"),
        agent_args: vec![script.to_str().expect("utf-8").to_owned()],
        agent_url: "http://relay".to_owned(),
        stop_grace: Duration::from_millis(300),
        local: LocalConfig { isolation: Isolation::Bubblewrap, readable: vec![script], ..LocalConfig::default() },
        ..Config::default()
    };
    let (local, id) = (Local::new(config, Tasks::new()), WorkspaceId(SystemIds.next()));
    let job = Job::start_for_test(id, "token");
    carry_out(&local, &job, &run()).await.expect("started");
    let up = main(&Directory::new(&machine.path().join("data"), id)).state_dir().join("up");
    eventually("it is up", || up.exists()).await;
    eventually("it runs", || runs(&mark)).await;
    carry_out(&local, &Job::for_test(id, Work::Stop), &run()).await.expect("stopped");
    eventually("nothing runs", || !runs(&mark)).await;
}

/// An agent is not started a second time beside one that goes on.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_goes_with_its_sandbox_and_is_started_again() {
    let machine = tempfile::tempdir().expect("a directory");
    if !isolates(&machine).await {
        return;
    }
    let (script, mark) = (machine.path().join("agent.sh"), format!("{}", 500_000 + std::process::id()));
    fs::write(&script, format!("echo x >> \"$4/starts\"; trap 'exit 0' TERM; sleep {mark} & wait")).expect("written");
    let config = Config {
        data_dir: machine.path().join("data"),
        agent_program: PathBuf::from("/bin/sh"),
        agent_args: vec![script.to_str().expect("utf-8").to_owned()],
        agent_url: "http://relay".to_owned(),
        local: LocalConfig { isolation: Isolation::Bubblewrap, readable: vec![script], ..LocalConfig::default() },
        ..Config::default()
    };
    let (local, id) = (Local::new(config, Tasks::new()), WorkspaceId(SystemIds.next()));
    let directory = Directory::new(&machine.path().join("data"), id);
    let job = Job::start_for_test(id, "token");
    carry_out(&local, &job, &run()).await.expect("started");
    eventually("it runs", || runs(&mark)).await;
    let sandbox = main(&directory).living_process().expect("read").expect("it lives").pid;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(sandbox), nix::sys::signal::Signal::SIGKILL).expect("killed");
    let starts = || fs::read_to_string(main(&directory).state_dir().join("starts")).unwrap_or_default().lines().count();
    eventually("it is started again", || starts() == 2 && count(&mark) == 1).await;
    carry_out(&local, &Job::for_test(id, Work::Delete), &run()).await.expect("deleted");
    eventually("nothing runs", || !runs(&mark)).await;
}

/// What a workspace can do to us: everything that was ever read or written on its behalf leads elsewhere.
const MALICIOUS: &str = r#"
dir="$4"
control="${CHATMESH_AGENT_TOKEN_FILE%/*}"
for place in "$dir" "$control"; do
  for name in agent main workspace; do
    for file in json pid log log.1 pid.new json.new; do ln -sf "$SECRET" "$place/$name.$file"; done
  done
done
record='{"state": "running", "url": "http://relay", "variables": {"LD_PRELOAD": "/x", "EVIL": "yes"}}'
for file in "$control/workspace.json" "$dir/agent.json"; do rm -f "$file"; echo "$record" > "$file"; done
for file in "$control/main.pid" "$dir/agent.pid"; do rm -f "$file"; mkfifo "$file"; done
env > "$dir/env"
echo out
echo x >> "$dir/starts"
trap 'exit 0' TERM
while :; do sleep 0.05; done
"#;

/// Nothing that a workspace writes becomes what we read, run or write to.
#[tokio::test(flavor = "multi_thread")]
async fn an_isolated_workspace_changes_nothing_that_its_provisioner_goes_by() {
    let curious = Curious::new(Isolation::Bubblewrap);
    if !isolates(&curious.dir).await {
        return;
    }
    fs::write(curious.dir.path().join("agent.sh"), MALICIOUS).expect("written");
    let (id, secret) = (WorkspaceId(SystemIds.next()), curious.dir.path().join("secret"));
    let directory = curious.directory(id);
    carry_out(&curious.local, &curious.start(id), &run()).await.expect("started");
    let starts = || fs::read_to_string(main(&directory).state_dir().join("starts")).unwrap_or_default().lines().count();
    eventually("it has done its worst", || starts() == 1).await;
    let living = || main(&directory).living_process().expect("read").expect("it lives").pid;

    // The next one adopts it, and starts it again when it ends.
    curious.tasks.shutdown().force();
    assert!(curious.tasks.wait(Duration::from_secs(5)).await, "{:?}", curious.tasks.running());
    let tasks = Tasks::new();
    let config = curious.local.config.clone();
    drop(curious.local);
    let local = Local::new(config, tasks.clone());
    local.take_up().await;
    killpg(living());
    eventually("it is started again", || starts() == 2).await;
    let environment = fs::read_to_string(main(&directory).state_dir().join("env")).expect("read");
    assert!(!environment.contains("EVIL") && !environment.contains("LD_PRELOAD"), "{environment}");
    assert_eq!(directory.read_record().expect("read").expect("a record").state, State::Running);
    assert_eq!(fs::read_to_string(secret).expect("read"), "x");

    carry_out(&local, &Job::for_test(id, Work::Stop), &run()).await.expect("stopped");
    carry_out(&local, &Job::for_test(id, Work::Delete), &run()).await.expect("deleted");
    assert!(!directory.root().exists());
}

/// Whether a process sleeps for as long as this word says.
fn runs(word: &str) -> bool {
    count(word) > 0
}

/// How many processes sleep for as long as this word says.
fn count(word: &str) -> usize {
    let processes = fs::read_dir("/proc").expect("read").flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.filter(|line| line.starts_with(b"sleep\0") && String::from_utf8_lossy(line).contains(word)).count()
}

/// Where isolation is not to be had, the build says why, or fails where it was demanded.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_can_not_isolate_says_so() {
    for (isolation, expected) in
        [(Isolation::Auto, None), (Isolation::Bubblewrap, Some("which provisioner.local.isolation demands: no luck"))]
    {
        let curious = Curious::new(isolation);
        curious.local.isolation.set(Err("no luck".to_owned())).expect("not found out yet");
        let (id, run) = (WorkspaceId(SystemIds.next()), run());
        let started = carry_out(&curious.local, &curious.start(id), &run).await;
        match expected {
            None => {
                started.expect("started");
                let lines = run.log.texts_for_test();
                assert!(lines.iter().any(|line| line == "the workspace is not isolated: no luck"), "{lines:?}");
            }
            Some(expected) => assert!(started.expect_err("failed").to_string().contains(expected)),
        }
        carry_out(&curious.local, &Job::for_test(id, Work::Delete), &run).await.expect("deleted");
    }
}

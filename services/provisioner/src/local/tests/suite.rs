//! The suite that all backends pass, over directories of this machine.

use std::collections::BTreeMap;

use super::super::process::Process;
use super::isolation::isolates;
use super::*;
use crate::conformance::{World, run, suite};

/// Directories of a machine, on which one provisioner runs at a time.
struct Machine {
    dir: TempDir,
    isolation: Isolation,
    running: Mutex<Option<(Arc<Local>, Tasks)>>,
}

impl Machine {
    async fn with(isolation: Isolation) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("agent.sh"), SCRIPT).expect("written");
        Self { dir, isolation, running: Mutex::default() }
    }

    fn directory(&self, id: WorkspaceId) -> Directory {
        Directory::new(&self.dir.path().join("data"), id)
    }

    fn local(&self) -> Arc<Local> {
        Arc::clone(&self.running.lock().as_ref().expect("a provisioner").0)
    }
}

#[async_trait]
impl World for Machine {
    async fn provisioner(&self) -> Arc<dyn Backend> {
        let before = self.running.lock().take();
        if let Some((local, tasks)) = before {
            tasks.shutdown().force();
            assert!(tasks.wait(Duration::from_secs(5)).await, "{:?}", tasks.running());
            drop(local);
        }
        let config = Config {
            data_dir: self.dir.path().join("data"),
            agent_program: PathBuf::from("/bin/sh"),
            agent_args: vec![self.dir.path().join("agent.sh").to_str().expect("utf-8").to_owned()],
            agent_url: "http://relay".to_owned(),
            stop_grace: Duration::from_secs(30),
            local: LocalConfig {
                isolation: self.isolation,
                readable: vec![self.dir.path().to_owned()],
                ..LocalConfig::default()
            },
            ..Config::default()
        };
        let tasks = Tasks::new();
        let local = Arc::new(Local::new(config, tasks.clone()));
        local.take_up().await;
        *self.running.lock() = Some((Arc::clone(&local), tasks));
        local
    }

    async fn token_of(&self, id: WorkspaceId, agent: &str) -> Option<String> {
        let agent = self.directory(id).agent(&AgentName::try_from(agent.to_owned()).expect("a name"));
        agent.living_process().expect("read")?;
        fs::read_to_string(agent.token_file()).ok()
    }

    async fn environment(&self, id: WorkspaceId) -> BTreeMap<String, String> {
        let file = main(&self.directory(id)).state_dir().join("env");
        let read = || fs::read_to_string(&file).unwrap_or_default();
        eventually("the agent has told its environment", || read().contains("CHATMESH_AGENT_URL=")).await;
        read().lines().filter_map(|line| line.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    }

    async fn write_file(&self, id: WorkspaceId) {
        fs::write(self.directory(id).home().join("file"), "x").expect("written");
    }

    async fn has_file(&self, id: WorkspaceId) -> bool {
        self.directory(id).home().join("file").exists()
    }

    async fn is_left(&self, id: WorkspaceId) -> bool {
        self.directory(id).root().exists()
    }

    /// An agent that runs already takes its time to end.
    async fn hold(&self, id: WorkspaceId) {
        let directory = self.directory(id);
        directory.create().expect("made");
        fs::write(directory.home().join("held"), "").expect("written");
        let job = crate::conformance::start(self, id, "held");
        carry_out(&*self.local(), &job, &run()).await.expect("started");
        eventually("the agent is up", || main(&directory).state_dir().join("ready").exists()).await;
    }

    async fn half_way(&self, id: WorkspaceId) {
        let asked = self.directory(id).home().join("asked");
        eventually("the agent was asked to end", || asked.exists()).await;
    }

    async fn release(&self, id: WorkspaceId) {
        let directory = self.directory(id);
        fs::remove_file(directory.home().join("held")).expect("removed");
        let held = main(&directory).living_process().expect("read").expect("it lives");
        killpg(held.pid);
    }
}

impl Drop for Machine {
    /// Agents outlive their provisioner, and so they would outlive the test.
    fn drop(&mut self) {
        for id in Directory::all(&self.dir.path().join("data")).unwrap_or_default() {
            for identity in self.directory(id).living_processes().unwrap_or_default().into_values() {
                Process::adopt(identity).kill();
            }
        }
    }
}

mod plain {
    use super::*;

    /// Without isolation.
    struct Plain;

    impl Plain {
        async fn world() -> Option<Machine> {
            Some(Machine::with(Isolation::None).await)
        }
    }

    suite!(Plain);
}

mod isolated {
    use super::*;

    /// With bubblewrap, where it works.
    struct Isolated;

    impl Isolated {
        async fn world() -> Option<Machine> {
            let machine = Machine::with(Isolation::Bubblewrap).await;
            isolates(&machine.dir).await.then_some(machine)
        }
    }

    suite!(Isolated);
}

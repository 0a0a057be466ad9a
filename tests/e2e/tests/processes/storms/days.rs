//! Days of work while those who carry them out are killed: each chat makes a workspace of its own, clones a repository,
//! edits three files, runs the tests, and starts, reads and ends a server. However often the tools and the provisioner
//! are killed meanwhile, a chat has one workspace in the end, nothing was done twice, no workspace and no agent is
//! left over, and the same work goes well in the same workspace once it is calm.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chatmesh_testkit::Repository;
use chatmesh_testkit::simulator::{Script, Simulator, Step};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::storm::{Progress, number};
use super::weather::Weather;
use crate::harness::{Cluster, Databases, Follower, History, Layout, Mesh, Servers, eventually, simulator_of, text};

/// How many chats there are where `CHATMESH_E2E_DAYS` says nothing.
const DEFAULT_DAYS: u64 = 6;
/// How many of them work at a time.
const AT_ONCE: usize = 3;
const VICTIMS: &[&str] = &["tools", "provisioner"];
/// Milliseconds between two kills.
const PAUSES: std::ops::RangeInclusive<u64> = 200..=3000;
/// How long a day may take: a build whose provisioner is killed is taken up when its lease has run out.
const LIMIT: Duration = Duration::from_secs(420);
const MODEL: &str = "works";
const FILES: [&str; 3] = ["a.txt", "b.txt", "c.txt"];
const TESTS: &str = "for file in a.txt b.txt c.txt; do grep -q new $file || { echo $file is old; exit 1; }; done\n\
                     echo all 3 tests pass\n";
const SERVER: &str = "rm -f ready; trap 'echo bye; exit 7' TERM; echo listening; touch ready; sleep 1000 & wait";
/// Each leaves a line behind, by which it is seen that it was done, and how often.
const EFFECTS: usize = 4;

fn execute(command: &str) -> Step {
    Step::calls().call("execute", json!({"command": command, "timeout": "1m"}))
}

/// Leaves the line of this turn's effect `number`.
fn effect(number: usize) -> Step {
    execute(&format!("echo {{{{last_user_message}}}}-{number} >> {{{{dir}}}}/effects; cat {{{{dir}}}}/effects"))
}

fn lines(said: &str) -> BTreeSet<String> {
    (1..=EFFECTS).map(|number| format!("{said}-{number}")).collect()
}

fn of_process(tool: &str, mut args: Value) -> Step {
    args["process_id"] = "{{result.background_process_id}}".into();
    Step::calls().call(tool, args)
}

fn script(url: &str) -> Script {
    let replaced = |name: &str| {
        let path = format!("{{{{dir}}}}/project/{name}");
        json!({"path": path, "edits": [{"search": "old", "replace": "new"}]})
    };
    let edits = json!({"files": FILES.map(replaced)});
    Script::new(MODEL)
        .per_turn()
        .step(Step::calls().call("list_templates", json!({})))
        .step(Step::calls().call("create_workspace", json!({"template_id": "{{result.recommended_template_id}}"})))
        .step(effect(1))
        .step(execute(&format!("rm -rf project && git clone -q {url} project && cat project/a.txt")))
        .step(effect(2))
        .step(Step::calls().call("edit_files", edits))
        .step(execute("rm -f ready; cd project && sh test.sh"))
        .step(effect(3))
        .step(Step::calls().call("execute", json!({"command": SERVER, "run_in_background": true})))
        .step(execute("for try in $(seq 500); do test -e ready && break; sleep 0.02; done"))
        .step(of_process("process_output", json!({"wait_timeout": "500ms"})))
        .step(of_process("process_signal", json!({"signal": "terminate"})))
        .step(of_process("process_output", json!({"wait_timeout": "1m"})))
        .step(effect(4))
        .step(Step::text("Done."))
}

/// A cluster, its provider and the repository that chats work on.
pub(super) struct Days {
    cluster: Cluster,
    mesh: Mesh,
    seed: u64,
    _provider: Simulator,
    _repository: Repository,
}

impl Days {
    pub(super) async fn start(servers: &Servers) -> Self {
        let files = FILES.map(|name| (name, "old\n"));
        let files: Vec<_> = files.into_iter().chain([("test.sh", TESTS)]).collect();
        let repository = Repository::serve(&files).await;
        let provider = simulator_of([script(&repository.url())]).await;
        let cluster = Cluster::start(servers, Layout::from(Databases::Separate)).await;
        let mesh = cluster.mesh();
        mesh.api.configure_models("PROVIDER_TYPE_ANTHROPIC", &provider.base_url(), &[MODEL]).await;
        let seed = number("CHATMESH_E2E_SEED").unwrap_or_else(rand::random);
        Self { cluster, mesh, seed, _provider: provider, _repository: repository }
    }

    pub(super) async fn run(mut self) {
        let days = number("CHATMESH_E2E_DAYS").unwrap_or(DEFAULT_DAYS);
        println!("storm: {days} days of work, CHATMESH_E2E_SEED={}", self.seed);
        let begun = Instant::now();
        let api = self.mesh.api.clone();
        let mut worked = BTreeMap::new();
        let work = async {
            let day = async |_| {
                let chat = api.create_chat(MODEL, None, "storm").await;
                let history = Follower::new(&api, &chat).within(LIMIT).until_answered(1).await;
                (chat, history)
            };
            worked.extend(stream::iter(0..days).map(day).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await);
        };
        let mut weather = Weather::killing(VICTIMS, PAUSES);
        weather.rage(&mut self.cluster, self.seed, &Progress::default(), 0, work).await;
        println!("  in {:.1} s; {}", begun.elapsed().as_secs_f32(), weather.report());
        self.cluster.revive();
        self.cluster.all_ready().await;
        let workspaces = self.workspaces(&worked).await;
        for (chat, history) in &worked {
            self.nothing_was_done_twice(&workspaces[chat], history);
        }
        for (chat, workspace) in &workspaces {
            self.works_when_it_is_calm(chat, workspace).await;
        }
        assert_eq!(self.workspaces(&worked).await, workspaces, "each has the one that it had");
        self.no_agent_is_left_over(&workspaces).await;
    }

    /// The workspace of each chat: each has one of its own, and there are no others, nor directories of others.
    async fn workspaces(&self, worked: &BTreeMap<String, History>) -> BTreeMap<String, String> {
        let mut of_chats = BTreeMap::new();
        for chat in worked.keys() {
            of_chats.insert(chat.clone(), text(&self.mesh.api.chat(chat).await, "workspace_id"));
        }
        let distinct: BTreeSet<String> = of_chats.values().cloned().collect();
        let listed = self.mesh.api.list("/api/v1/workspaces", "workspaces", 50).await;
        let listed: BTreeSet<String> = listed.iter().map(|workspace| text(workspace, "id")).collect();
        assert_eq!((distinct.len(), &listed), (worked.len(), &distinct), "workspaces of {of_chats:?}");
        let directories = std::fs::read_dir(&self.mesh.workspaces).expect("the provisioner's directory");
        let directories = directories.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        assert_eq!(directories.collect::<BTreeSet<_>>(), distinct, "directories");
        of_chats
    }

    /// A command whose process was killed may not have been done; none was done twice, and what was answered as done is.
    fn nothing_was_done_twice(&self, workspace: &str, history: &History) {
        let effects = std::fs::read_to_string(self.mesh.home(workspace).join("effects")).unwrap_or_default();
        let done: Vec<&str> = effects.lines().collect();
        let distinct: BTreeSet<String> = done.iter().map(|line| (*line).to_owned()).collect();
        assert!(distinct.len() == done.len() && distinct.is_subset(&lines("storm")), "{done:?}");
        let results = history.results();
        let mut failed = 0;
        for result in &results {
            let went_well = result["exit_code"] == 0;
            failed += usize::from(result.get("error").is_some() || result.is_string());
            for line in result["output"].as_str().filter(|_| went_well).into_iter().flat_map(str::lines) {
                assert!(!line.starts_with("storm-") || distinct.contains(line), "`{line}` is not there: {done:?}");
            }
        }
        println!("  {} results, {failed} told of a failure; effects: {}", results.len(), done.join(" "));
    }

    async fn works_when_it_is_calm(&self, chat: &str, workspace: &str) {
        let api = &self.mesh.api;
        api.say(chat, "calm").await;
        let history = Follower::new(api, chat).within(LIMIT).until_answered(2).await;
        let results = history.results();
        let all: Vec<&Value> = results.iter().rev().take(14).rev().collect();
        let [_, created, _, cloned, _, edited, tested, _, server, _, running, _, ended, last] = all[..] else {
            panic!("{results:#?}")
        };
        assert_eq!(created["status"], "already_exists", "{created}");
        assert_eq!((&cloned["output"], &edited["ok"]), (&json!("old\n"), &json!(true)), "{cloned} {edited}");
        assert_eq!(tested["output"], "all 3 tests pass\n", "{tested}");
        assert!(server["background_process_id"].is_string(), "{server}");
        assert_eq!((&running["output"], &ended["exit_code"]), (&json!("listening\n"), &json!(7)), "{running} {ended}");
        let effects = std::fs::read_to_string(self.mesh.home(workspace).join("effects")).expect("effects");
        let calm: Vec<String> = effects.lines().filter(|line| line.starts_with("calm-")).map(str::to_owned).collect();
        assert_eq!((calm.len(), calm.into_iter().collect()), (EFFECTS, lines("calm")), "{last}");
    }

    /// One agent runs for each workspace. One that is to go may take a moment.
    async fn no_agent_is_left_over(&self, workspaces: &BTreeMap<String, String>) {
        let expected: BTreeMap<String, usize> = workspaces.values().map(|id| (id.clone(), 1)).collect();
        eventually("one agent for each workspace", LIMIT, async || {
            let running: BTreeMap<String, usize> = workspaces.values().map(|id| (id.clone(), agents_of(id))).collect();
            if running == expected { Ok(()) } else { Err(running) }
        })
        .await;
    }
}

/// How many agents run for a workspace on this machine (proc(5)).
fn agents_of(workspace: &str) -> usize {
    let processes = std::fs::read_dir("/proc").expect("proc").flatten();
    let is_agent = |path: &std::path::Path| {
        let name = std::fs::read_to_string(path.join("comm")).unwrap_or_default();
        let command = std::fs::read_to_string(path.join("cmdline")).unwrap_or_default();
        name.trim() == "chatmesh-agent" && command.contains(workspace)
    };
    processes.filter(|entry| is_agent(&entry.path())).count()
}

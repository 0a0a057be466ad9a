//! What agents say of the startup and shutdown of their workspaces.

use std::time::Duration;

use chatmesh_core::{IdSource as _, SystemIds, Uuid};
use chatmesh_workspaces::{
    AgentId, Lifecycle, LifecycleBatch, LifecycleReport, LifecycleReported, LifecycleState, LogLevel, LogLine,
    NumberedLine, NumberedRun, Outcome, ScriptResult, ScriptRun, ScriptStage, Transition, WorkspaceId,
    WorkspaceStore as _,
};
use futures::future::join_all;

use crate::world::{World, worlds};

impl World {
    /// A workspace that runs, and its agent.
    async fn running(&self) -> (WorkspaceId, AgentId) {
        let id = self.insert("dev").await.workspace.id;
        (id, self.carry_out("t").await.agent_id.expect("an agent"))
    }

    async fn say(&self, agent: AgentId, batch: LifecycleBatch) -> LifecycleReported {
        self.store.report_lifecycle(agent, batch).await.expect("asked").expect("a known agent")
    }

    async fn state(&self, id: WorkspaceId) -> LifecycleState {
        self.get(id).await.agents.pop().expect("an agent").lifecycle.state
    }

    async fn lines(&self, agent: AgentId) -> Vec<NumberedLine> {
        self.store.list_log_lines(agent, 0, 20_000).await.expect("listed")
    }

    /// The numbers and texts of the lines that are kept.
    async fn texts(&self, agent: AgentId) -> Vec<(i64, String)> {
        self.lines(agent).await.into_iter().map(|line| (line.number, line.line.text)).collect()
    }

    fn reached(&self, state: LifecycleState) -> LifecycleReport {
        LifecycleReport::State(Lifecycle { state, changed_at: Some(self.now), message: format!("{state:?}") })
    }

    fn printed(&self, dropped: u32, texts: &[&str]) -> LifecycleReport {
        let line = |text: &&str| LogLine {
            time: self.now,
            level: LogLevel::Error,
            script_id: "a".to_owned(),
            text: (*text).to_owned(),
        };
        LifecycleReport::Lines { dropped, lines: texts.iter().map(line).collect() }
    }

    fn ran(&self, result: ScriptResult) -> ScriptRun {
        ScriptRun {
            script_id: "a".to_owned(),
            display_name: "Fetch \"it\"".to_owned(),
            stage: ScriptStage::Cron,
            result,
            exit_code: (result == ScriptResult::Failed).then_some(-1),
            started_at: Some(self.now),
            ended_at: (result != ScriptResult::NotStarted).then_some(self.now + Duration::from_micros(1)),
            message: "äöü \\ 'x'".to_owned(),
        }
    }
}

fn batch(instance_id: Uuid, epoch: u32, reports: Vec<(i64, LifecycleReport)>) -> LifecycleBatch {
    LifecycleBatch { instance_id, epoch, reports }
}

fn numbered(lines: &[(i64, &str)]) -> Vec<(i64, String)> {
    lines.iter().map(|(number, text)| (*number, (*text).to_owned())).collect()
}

/// S01: states, lines and runs are read back as they were said.
#[tokio::test]
async fn what_an_agent_says_is_read_back() {
    for world in worlds().await {
        let (id, agent) = world.running().await;
        assert_eq!(world.get(id).await.agents[0].lifecycle, Lifecycle::default(), "{}", world.engine);
        let process = SystemIds.next();
        let texts = ["", "\"quoted\" \\ {json}\t", "äöü 🦀", "' OR 1=1"];
        let results = [
            ScriptResult::Ok,
            ScriptResult::Failed,
            ScriptResult::TimedOut,
            ScriptResult::OutputLeftOpen,
            ScriptResult::NotStarted,
            ScriptResult::Interrupted,
        ];
        let mut reports = vec![(1, world.reached(LifecycleState::StartError)), (2, world.printed(0, &texts))];
        reports.extend(
            results.iter().zip(3..).map(|(&result, sequence)| (sequence, LifecycleReport::Run(world.ran(result)))),
        );
        let said = world.say(agent, batch(process, 1, reports)).await;
        assert_eq!(said, LifecycleReported { workspace_id: id, last_sequence: 8, changed: true }, "{}", world.engine);

        let found = world.get(id).await.agents[0].lifecycle.clone();
        let expected = Lifecycle {
            state: LifecycleState::StartError,
            changed_at: Some(world.now),
            message: "StartError".to_owned(),
        };
        assert_eq!(found, expected, "{}", world.engine);
        let LifecycleReport::Lines { lines, .. } = world.printed(0, &texts) else { unreachable!() };
        let expected: Vec<_> = lines.into_iter().zip(1..).map(|(line, number)| NumberedLine { number, line }).collect();
        assert_eq!(world.lines(agent).await, expected, "{}", world.engine);
        let runs = world.store.list_script_runs(agent, 0, 10).await.expect("listed");
        let expected: Vec<_> =
            results.iter().zip(1..).map(|(&result, number)| NumberedRun { number, run: world.ran(result) }).collect();
        assert_eq!(runs, expected, "{}", world.engine);
        assert_eq!(
            world.store.list_script_runs(agent, 2, 1).await.expect("listed"),
            expected[2..3],
            "{}",
            world.engine
        );
        let page = world.store.list_log_lines(agent, 1, 2).await.expect("listed");
        assert_eq!(page.iter().map(|line| line.number).collect::<Vec<_>>(), [2, 3], "{}", world.engine);

        let nobody = AgentId(SystemIds.next());
        let unknown = world.store.report_lifecycle(nobody, batch(process, 1, vec![])).await.expect("asked");
        assert_eq!((unknown, world.lines(nobody).await), (None, vec![]), "{}", world.engine);
    }
}

/// S01: a batch that comes again, or overlaps, or comes from two relays at once counts once.
#[tokio::test]
async fn each_report_counts_once_however_often_it_comes() {
    for world in worlds().await {
        let (id, agent) = world.running().await;
        let process = SystemIds.next();
        let all = || {
            vec![
                (1, world.reached(LifecycleState::Starting)),
                (4, world.printed(0, &["a", "b"])),
                (5, world.printed(3, &["c"])),
                (9, LifecycleReport::Run(world.ran(ScriptResult::Ok))),
            ]
        };
        let first = batch(process, 1, all()[..2].to_vec());
        assert_eq!(world.say(agent, first.clone()).await.last_sequence, 4);
        let again = world.say(agent, first).await;
        assert_eq!((again.last_sequence, again.changed), (4, false), "{}", world.engine);
        assert_eq!(world.texts(agent).await, numbered(&[(1, "a"), (2, "b")]), "{}", world.engine);

        let batches: Vec<_> = (0..8).map(|epoch| batch(process, epoch, all())).collect();
        let said = join_all(batches.into_iter().map(|batch| world.say(agent, batch))).await;
        assert!(said.iter().all(|said| said.last_sequence == 9 && !said.changed), "{}: {said:?}", world.engine);
        // Three lines were lost before the last one.
        let expected = numbered(&[(1, "a"), (2, "b"), (6, "c")]);
        assert_eq!(world.texts(agent).await, expected, "{}", world.engine);
        assert_eq!(world.store.list_script_runs(agent, 0, 10).await.expect("listed").len(), 1, "{}", world.engine);
        assert_eq!(world.state(id).await, LifecycleState::Starting, "{}", world.engine);

        // Another process numbers its own reports.
        let other = batch(SystemIds.next(), 9, vec![(1, world.printed(0, &["d"]))]);
        assert_eq!(world.say(agent, other).await.last_sequence, 1, "{}", world.engine);
        assert_eq!(world.texts(agent).await[3], (7, "d".to_owned()), "{}", world.engine);
    }
}

/// S01: the state is that of the latest process, which never goes back; a shutdown of the one before comes too late.
#[tokio::test]
async fn a_late_shutdown_of_the_process_before_does_not_turn_off_the_one_that_runs() {
    use LifecycleState::{Created, Off, Ready, ShuttingDown, Starting};
    for [old_epoch, new_epoch] in [[3, 4], [0, 0]] {
        for world in worlds().await {
            let (id, agent) = world.running().await;
            let (old, new) = (SystemIds.next(), SystemIds.next());
            let say = async |process, epoch, sequence, state| {
                let said = world.say(agent, batch(process, epoch, vec![(sequence, world.reached(state))])).await;
                assert_eq!(said.last_sequence, sequence, "{}: it is not sent again", world.engine);
                (said.changed, world.state(id).await)
            };
            assert_eq!(say(old, old_epoch, 1, Ready).await, (true, Ready), "{}", world.engine);
            assert_eq!(say(old, old_epoch, 2, Starting).await, (false, Ready), "{}: it never goes back", world.engine);
            assert_eq!(say(new, new_epoch, 1, Created).await, (true, Created), "{}: a new one may", world.engine);
            assert_eq!(say(old, old_epoch, 3, ShuttingDown).await, (false, Created), "{}", world.engine);
            assert_eq!(say(new, new_epoch, 2, Starting).await, (true, Starting), "{}", world.engine);
            assert_eq!(say(old, old_epoch, 4, Off).await, (false, Starting), "{}", world.engine);
            // What it printed while it stopped is kept, for it happened.
            world.say(agent, batch(old, old_epoch, vec![(5, world.printed(0, &["bye"]))])).await;
            assert_eq!(world.texts(agent).await, numbered(&[(1, "bye")]), "{}", world.engine);
        }
    }
}

/// A process whose first words come after those of the one that took its place.
#[tokio::test]
async fn a_process_of_an_older_session_is_not_the_latest_when_it_is_heard_of_late() {
    use LifecycleState::{Off, Ready};
    for world in worlds().await {
        let (id, agent) = world.running().await;
        let (old, new) = (SystemIds.next(), SystemIds.next());
        world.say(agent, batch(new, 4, vec![(1, world.reached(Ready))])).await;
        let late = world.say(agent, batch(old, 3, vec![(1, world.reached(Off))])).await;
        assert_eq!((late.changed, world.state(id).await), (false, Ready), "{}", world.engine);
        // It lives after all, and has the newest session: what it said is true again.
        let back = world.say(agent, batch(old, 5, vec![(1, world.reached(Off))])).await;
        assert_eq!((back.changed, world.state(id).await), (true, Off), "{}", world.engine);
    }
}

#[tokio::test]
async fn the_shutdown_is_told_though_the_build_that_stops_the_workspace_is_the_latest() {
    for world in worlds().await {
        let (id, agent) = world.running().await;
        world.build(id, Transition::Stop).await.expect("stopping");
        let said = world.say(agent, batch(SystemIds.next(), 1, vec![(1, world.reached(LifecycleState::Off))])).await;
        assert_eq!((said.workspace_id, said.changed), (id, true), "{}", world.engine);
        let known = world.store.get_agent(agent).await.expect("asked").expect("known");
        assert_eq!((known.current, known.agent.lifecycle.state), (true, LifecycleState::Off), "{}", world.engine);
        let stop = world.lease("p", "t-2").await.expect("a build");
        world.end(stop.build.id, "p", Outcome::Succeeded).await.expect("stopped");
        world.build(id, Transition::Start).await.expect("starting");
        world.carry_out("t-3").await;
        assert_eq!(world.state(id).await, LifecycleState::Created, "{}: a new agent begins anew", world.engine);
    }
}

/// The newest lines stay, within both bounds, and their numbers show what went.
#[tokio::test]
async fn the_newest_lines_stay_and_the_gap_is_seen() {
    const KEPT: usize = 2 * 1024 * 1024;
    for world in worlds().await {
        let (_, agent) = world.running().await;
        let process = SystemIds.next();
        let mut sequence = 0;
        let mut print = async |count: usize, text: &str| {
            sequence += 1;
            let texts = vec![text; count];
            world.say(agent, batch(process, 1, vec![(sequence, world.printed(0, &texts))])).await;
        };
        print(1, "first").await;
        print(6_000, "").await;
        assert_eq!(world.texts(agent).await[0], (1, "first".to_owned()), "{}", world.engine);
        print(6_000, "").await;
        let lines = world.lines(agent).await;
        assert!((9_900..=10_000).contains(&lines.len()), "{}: {}", world.engine, lines.len());
        assert_eq!(lines.last().expect("a line").number, 12_001, "{}", world.engine);
        assert!(lines.windows(2).all(|pair| pair[1].number == pair[0].number + 1), "{}: one gap only", world.engine);

        // One batch that is more than what is kept.
        print(700, &"x".repeat(4096)).await;
        let lines = world.lines(agent).await;
        let bytes: usize = lines.iter().map(|line| line.line.text.len()).sum();
        assert!(bytes <= KEPT && bytes > KEPT * 9 / 10, "{}: {bytes}", world.engine);
        assert_eq!(lines.last().expect("a line").number, 12_701, "{}", world.engine);
        print(1, "last").await;
        let lines = world.texts(agent).await;
        assert_eq!(lines.last(), Some(&(12_702, "last".to_owned())), "{}", world.engine);
    }
}

#[tokio::test]
async fn the_newest_runs_and_processes_stay() {
    for world in worlds().await {
        let (id, agent) = world.running().await;
        let process = SystemIds.next();
        for from in [0, 700] {
            let run = || LifecycleReport::Run(world.ran(ScriptResult::Ok));
            let reports = (from..from + 700).map(|sequence| (sequence + 1, run())).collect();
            world.say(agent, batch(process, 1, reports)).await;
        }
        let runs = world.store.list_script_runs(agent, 0, 2_000).await.expect("listed");
        assert_eq!((runs.len(), runs[0].number), (1_000, 401), "{}", world.engine);
        // A program that ends over and over again does not fill the database.
        for epoch in 2..40 {
            let reports = vec![(1, world.reached(LifecycleState::Starting))];
            world.say(agent, batch(SystemIds.next(), epoch, reports)).await;
        }
        assert_eq!(world.state(id).await, LifecycleState::Starting, "{}", world.engine);
        let count = chatmesh_db::Sql::portable("DELETE FROM agent_instances");
        let removed = world.database.db.execute(count, vec![]).await.expect("removed");
        assert_eq!(removed, 16, "{}", world.engine);
    }
}

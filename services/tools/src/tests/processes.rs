//! Commands, from what a model writes to what it reads.

use std::time::Duration;

use chatmesh_core::{Clock as _, SystemClock};
use chatmesh_proto::agent::v1 as agent;
use chatmesh_proto::tools::v1::{CallToolRequest, CancelCallResponse};
use chatmesh_rpc::Code;
use serde_json::{Value, json};
use tokio::time::Instant;
use tonic::Status;

use super::workspace::{KEY, Mood, Processes, World};

const PROCESS: &str = Processes::PROCESS;

/// A workspace in which looks at the process find this, one after the other.
fn world(looks: impl IntoIterator<Item = Result<agent::WaitProcessResponse, Status>>) -> World {
    let world = World::new();
    world.workspace.has.lock().processes.looks = looks.into_iter().collect();
    world
}

fn lost() -> Status {
    let message = "the agent restarted while process `p` ran, so its outcome is unknown";
    Processes::error(Code::DataLoss, "PROCESS_LOST", message)
}

fn reaped() -> Status {
    let message = "process `p` ended with exit code 3; its output is not kept any longer";
    Processes::error(Code::NotFound, "PROCESS_REAPED", message)
}

#[tokio::test(start_paused = true)]
async fn a_command_runs_without_anybody_to_ask_and_its_end_is_told() {
    let world = world([Processes::look(false, Some(0), "done\n")]);
    let args = json!({"command": "make", "workdir": "/w", "timeout": "1m", "model_intent": "Build it."});
    let called = world.call("execute", &args).await;
    assert_eq!(called, (json!({"success": true, "output": "done\n", "exit_code": 0}), false));
    let has = world.workspace.has.lock();
    let [started] = &has.processes.started[..] else { panic!("{:?}", has.processes.started) };
    assert_eq!((started.command.as_str(), started.workdir.as_str(), started.background), ("make", "/w", false));
    assert_eq!(started.idempotency_key, KEY);
    for (name, value) in [("GIT_TERMINAL_PROMPT", "0"), ("PAGER", "cat"), ("TERM", "dumb"), ("EDITOR", "true")] {
        assert_eq!(started.env.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert_eq!(has.processes.waits(), [60_000]);
}

#[tokio::test(start_paused = true)]
async fn a_command_in_the_background_is_not_waited_for() {
    let world = world([]);
    let note = "the command runs in the background: `process_output` returns what it writes, `process_signal` ends it";
    let expected = json!({"success": true, "background_process_id": PROCESS, "note": note});
    for args in [
        json!({"command": "serve", "run_in_background": true, "timeout": "nonsense"}),
        json!({"command": "serve &"}),
        json!({"command": "serve & ", "run_in_background": null}),
    ] {
        assert_eq!(world.call("execute", &args).await, (expected.clone(), false));
    }
    let has = world.workspace.has.lock();
    assert!(has.processes.started.iter().all(|start| start.command == "serve" && start.background));
    assert_eq!(has.processes.waits(), [0; 0]);
}

/// A command that is not done in time keeps running, and the model learns how to get at it.
#[tokio::test(start_paused = true)]
async fn a_command_that_is_not_done_in_time_is_left_running() {
    let world = world([Processes::look(true, None, "half\n")]);
    let began = Instant::now();
    let (result, is_error) = world.call("execute", &json!({"command": "npm start"})).await;
    assert_eq!(began.elapsed().as_secs(), 10);
    let note = "this looks like a command that does not end by itself: start such with `run_in_background`; \
                `process_output` reads on and waits for its end, `process_signal` ends it";
    let expected = json!({
        "success": false, "output": "half\n", "exit_code": -1, "wall_duration_ms": 10_000, "note": note,
        "error": "the command was not done after 10s and keeps running", "background_process_id": PROCESS,
    });
    assert_eq!((result, is_error), (expected, false));
}

/// One call waits five minutes at most: a longer wait is several.
#[tokio::test(start_paused = true)]
async fn a_long_wait_is_several_calls_and_ends_with_the_command() {
    let still = Processes::look(true, None, "");
    let world = world([still.clone(), still, Processes::look(false, Some(2), "at last\n")]);
    let (result, _) = world.call("execute", &json!({"command": "make", "timeout": "11m"})).await;
    assert_eq!((&result["exit_code"], &result["output"]), (&json!(2), &json!("at last\n")));
    assert_eq!(world.workspace.has.lock().processes.waits(), [300_000, 300_000, 60_000]);
}

/// The wait broke off, and the command ended all the same: its real result is told.
#[tokio::test(start_paused = true)]
async fn a_wait_that_breaks_off_ends_in_a_look() {
    let world = world([Err(Status::deadline_exceeded("late")), Processes::look(false, Some(0), "done\n")]);
    let (result, _) = world.call("execute", &json!({"command": "make", "timeout": "5s"})).await;
    assert_eq!(result, json!({"success": true, "output": "done\n", "exit_code": 0}));
    assert_eq!(world.workspace.has.lock().processes.waits(), [5_000, 0]);
}

/// G36: neither of two errors hides the other.
#[tokio::test(start_paused = true)]
async fn g36_a_command_that_cannot_be_looked_at_is_an_unknown_outcome_with_all_that_is_known() {
    let world = world([Err(Status::internal("the first thing")), Err(Status::internal("the second thing"))]);
    let (result, is_error) = world.call("execute", &json!({"command": "make"})).await;
    let error = result["error"].as_str().expect("an error");
    assert!(!is_error && error.contains("the first thing") && error.contains("the second thing"), "{result}");
    assert_eq!((&result["exit_code"], &result["background_process_id"]), (&json!(-1), &json!(PROCESS)));
}

/// G20: the call is made again by another worker: the command is not, and what is known of it is told.
#[tokio::test(start_paused = true)]
async fn g20_a_command_that_was_started_before_is_looked_at_and_not_run_again() {
    let attached = |process: agent::Process| {
        let process = agent::Process { id: PROCESS.to_owned(), ..process };
        Some(Ok(agent::StartProcessResponse { process: Some(process), attached: true }))
    };
    let make = json!({"command": "make"});

    let begun = world([Processes::look(true, None, "")]);
    let start_time = Some((SystemClock.now() - Duration::from_secs(7)).into());
    let running = agent::Process { running: true, start_time, ..agent::Process::default() };
    begun.workspace.has.lock().processes.start = attached(running);
    begun.call("execute", &make).await;
    let waits = begun.workspace.has.lock().processes.waits();
    assert!(waits[0] <= 3_000, "the rest of its time: {waits:?}");

    let ended = world([Err(reaped())]);
    let process = agent::Process { exit_code: Some(3), ..agent::Process::default() };
    ended.workspace.has.lock().processes.start = attached(process);
    let note = "the command ran before, and its output is not kept any longer";
    assert_eq!(ended.call("execute", &make).await.0, json!({"success": false, "exit_code": 3, "note": note}));

    let gone = world([Err(lost())]);
    let process = agent::Process { lost: true, ..agent::Process::default() };
    gone.workspace.has.lock().processes.start = attached(process);
    let expected = json!({
        "success": false, "exit_code": -1, "background_process_id": PROCESS,
        "error": "the agent restarted while process `p` ran, so its outcome is unknown",
    });
    assert_eq!(gone.call("execute", &make).await.0, expected);
}

/// A command that the agent refused is a structured failure; a workspace that is not there is none.
#[tokio::test(start_paused = true)]
async fn what_keeps_a_command_from_its_start_is_told() {
    let world = world([]);
    let message = "working directory `/nowhere` does not exist";
    let refused = Processes::error(Code::FailedPrecondition, "WORKDIR_UNUSABLE", message);
    world.workspace.has.lock().processes.start = Some(Err(refused));
    let args = json!({"command": "make", "workdir": "/nowhere"});
    assert_eq!(world.call("execute", &args).await, (json!({"success": false, "error": message}), false));

    let world = World::new();
    world.workspace.has.lock().mood = Mood::Stopped;
    let expected = json!({"error": "workspace `w` is not running: start it"});
    for (tool, args) in [
        ("execute", json!({"command": "make"})),
        ("process_output", json!({ "process_id": PROCESS })),
        ("process_list", json!({})),
        ("process_signal", json!({"process_id": PROCESS, "signal": "kill"})),
    ] {
        assert_eq!(world.call(tool, &args).await, (expected.clone(), true), "{tool}");
    }
}

/// G20: a command that may have been started, by an agent that does not come back, is not one to be run again at once.
#[tokio::test(start_paused = true)]
async fn g20_a_start_without_an_answer_may_have_been_one() {
    for (mood, may_have_been_done) in [(Mood::Breaks, true), (Mood::Away, false)] {
        let world = world([Processes::look(false, Some(0), "")]);
        world.call("execute", &json!({"command": "true"})).await;
        world.workspace.has.lock().mood = mood;
        let (result, is_error) = world.call("execute", &json!({"command": "make"})).await;
        let error = result["error"].as_str().expect("an error");
        assert!(is_error && error.contains("try once more"), "{error}");
        assert_eq!(error.contains("may have been done already"), may_have_been_done, "{mood:?}: {error}");
    }
}

/// F.6 item 10: there is an exit code when the command has ended, and not before.
#[tokio::test(start_paused = true)]
async fn a_look_at_a_command_tells_whether_it_runs() {
    let note = "the command is still running, and this is what it wrote so far";
    let running = json!({"success": true, "running": true, "output": "listening\n", "note": note});
    let world = world([Processes::look(true, None, "listening\n")]);
    let look = async |args: Value| {
        let began = Instant::now();
        let (result, is_error) = world.call("process_output", &args).await;
        assert!(!is_error, "{result}");
        (result, began.elapsed().as_secs())
    };
    let with = |timeout: &str| json!({"process_id": PROCESS, "wait_timeout": timeout});
    assert_eq!(look(json!({ "process_id": PROCESS })).await, (running.clone(), 10));
    assert_eq!(look(with("0s")).await, (running.clone(), 0));
    assert_eq!(look(with("9h")).await, (running, 4 * 3600));

    world.workspace.has.lock().processes.looks = [Processes::look(false, Some(1), "failed\n")].into();
    assert_eq!(look(with("1h")).await, (json!({"success": false, "exit_code": 1, "output": "failed\n"}), 0));
}

/// G23: a command of another chat is one that is not there.
#[tokio::test(start_paused = true)]
async fn g23_a_command_that_cannot_be_looked_at_is_a_structured_failure() {
    let message = format!("process `{PROCESS}` not found");
    let missing = Processes::error(Code::NotFound, "PROCESS_NOT_FOUND", &message);
    let told = format!("{message}: give a `background_process_id` that `execute` returned in this chat");
    for (status, told) in [
        (missing.clone(), told.as_str()),
        (reaped(), "process `p` ended with exit code 3; its output is not kept any longer"),
        (lost(), "the agent restarted while process `p` ran, so its outcome is unknown"),
    ] {
        let world = world([Err(status)]);
        let called = world.call("process_output", &json!({ "process_id": PROCESS })).await;
        assert_eq!(called, (json!({"success": false, "error": told}), false));
        assert_eq!(world.workspace.has.lock().processes.looked.len(), 1, "another look would find the same");
    }
    let world = world([]);
    world.workspace.has.lock().processes.signal = Some(missing);
    let called = world.call("process_signal", &json!({"process_id": PROCESS, "signal": "kill"})).await;
    assert_eq!(called, (json!({"success": false, "error": told}), false));
}

#[tokio::test(start_paused = true)]
async fn signals_are_sent_and_those_that_come_too_late_are_told() {
    let world = world([]);
    for (signal, expected, name) in
        [("terminate", agent::Signal::Terminate, "SIGTERM"), ("kill", agent::Signal::Kill, "SIGKILL")]
    {
        let (result, is_error) = world.call("process_signal", &json!({"process_id": PROCESS, "signal": signal})).await;
        let message = format!(
            "{name} was sent to the command and to all that it started; `process_output` says when it has ended"
        );
        assert_eq!((result, is_error), (json!({"success": true, "message": message}), false));
        let sent = world.workspace.has.lock().processes.signalled.pop().expect("a signal");
        assert_eq!((sent.process_id.as_str(), sent.signal()), (PROCESS, expected));
    }
    let message = "process `p` is not running";
    world.workspace.has.lock().processes.signal =
        Some(Processes::error(Code::FailedPrecondition, "PROCESS_NOT_RUNNING", message));
    let called = world.call("process_signal", &json!({"process_id": PROCESS, "signal": "kill"})).await;
    assert_eq!(called, (json!({"success": false, "error": message}), false));
}

#[tokio::test(start_paused = true)]
async fn the_commands_of_the_chat_are_listed() {
    let world = world([]);
    let at = |seconds: i64| Some(chatmesh_core::Timestamp::from_timestamp(seconds, 0).expect("a time").into());
    let server = agent::Process {
        id: "a".to_owned(),
        command: "serve".to_owned(),
        workdir: "/w".to_owned(),
        background: true,
        running: true,
        start_time: at(100),
        ..agent::Process::default()
    };
    let ended = agent::Process {
        id: "b".to_owned(),
        command: "make".to_owned(),
        exit_code: Some(2),
        start_time: at(50),
        exit_time: at(60),
        ..agent::Process::default()
    };
    let expected = json!({"processes": [
        {"id": "a", "command": "serve", "workdir": "/w", "background": true, "running": true, "started_at_unix": 100},
        {"id": "b", "command": "make", "background": false, "running": false, "exit_code": 2,
         "started_at_unix": 50, "exited_at_unix": 60},
    ]});
    let listed = |processes| Some(Ok(agent::ListProcessesResponse { processes }));
    world.workspace.has.lock().processes.list = listed(vec![server, ended]);
    assert_eq!(world.call("process_list", &json!({})).await, (expected, false));
    world.workspace.has.lock().processes.list = listed(vec![]);
    let nothing = world.call_with("process_list", " ", CallToolRequest::default()).await;
    assert_eq!(nothing, (json!({"processes": []}), false), "a model that has nothing to say may say nothing");
}

/// G21: the command of a call that is given up is found by the call's key; other tools have none.
#[tokio::test(start_paused = true)]
async fn g21_the_command_of_a_call_that_is_given_up_is_asked_to_end() {
    let world = world([]);
    assert!(!world.cancel("execute").await.signaled, "it had not begun");
    let response = agent::CancelProcessResponse { process_id: PROCESS.to_owned(), signaled: true };
    world.workspace.has.lock().processes.cancel = Some(Ok(response));
    assert_eq!(world.cancel("execute").await, CancelCallResponse { signaled: true, problem: String::new() });
    for other in ["read_file", "create_workspace", "github__search"] {
        assert_eq!(world.cancel(other).await, CancelCallResponse::default(), "{other}");
    }
    assert_eq!(world.workspace.has.lock().processes.canceled, [KEY, KEY]);
}

/// A command that nobody could ask to end may go on, and nobody says otherwise.
#[tokio::test(start_paused = true)]
async fn g21_a_command_that_cannot_be_asked_to_end_is_told() {
    let world = world([]);
    world.workspace.has.lock().processes.cancel = Some(Err(Status::unimplemented("")));
    let told = world.cancel("execute").await;
    assert!(!told.signaled && told.problem.contains("too old"), "{told:?}");
    world.workspace.has.lock().mood = Mood::Away;
    let told = world.cancel("execute").await;
    assert!(!told.signaled && told.problem.contains("did not answer"), "{told:?}");
}

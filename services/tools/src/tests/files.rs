//! Files, from what a model writes to what it reads.

use chatmesh_proto::agent::v1 as agent;
use chatmesh_rpc::Code;
use serde_json::json;

use super::workspace::{KEY, Mood, Processes, World};

fn edited(path: &str, diff: &str) -> agent::EditedFile {
    agent::EditedFile { path: path.to_owned(), diff: diff.to_owned(), replacements: 1, ..agent::EditedFile::default() }
}

#[tokio::test(start_paused = true)]
async fn edits_of_many_files_are_one_effect_under_the_key_of_the_call() {
    let world = World::new();
    let files = vec![edited("/a", "--- /a\n+++ /a\n"), edited("/b", "")];
    world.workspace.has.lock().files.edit = Some(Ok(agent::EditFilesResponse { files, repeated: false }));
    let args = json!({"files": [
        {"path": "/a", "edits": [{"search": "1", "replace": "2"}, {"search": "3", "replace": "", "replace_all": true}]},
        {"path": "/b", "edits": [{"search": "x", "replace": "y"}]},
    ]});
    let expected = json!({"ok": true, "files": [
        {"path": "/a", "replacements": 1, "diff": "--- /a\n+++ /a\n"}, {"path": "/b", "replacements": 1},
    ]});
    assert_eq!(world.call("edit_files", &args).await, (expected, false));
    let edit = |search: &str, replace: &str, replace_all| agent::Edit {
        search: search.to_owned(),
        replace: replace.to_owned(),
        replace_all,
    };
    let of = |path: &str, edits| agent::FileEdits { path: path.to_owned(), edits };
    let request = agent::EditFilesRequest {
        files: vec![of("/a", vec![edit("1", "2", false), edit("3", "", true)]), of("/b", vec![edit("x", "y", false)])],
        include_diff: true,
        idempotency_key: KEY.to_owned(),
    };
    assert_eq!(world.workspace.has.lock().files.edited, [request]);
}

/// G26, G27: what the agent finds wrong reaches the model word by word: which file, which edit, and that nothing was
/// written.
#[tokio::test(start_paused = true)]
async fn g27_what_is_wrong_with_an_edit_is_told_as_the_agent_says_it() {
    let world = World::new();
    let args = json!({"files": [{"path": "/a", "edits": [{"search": "1", "replace": "2"}]}]});
    for (code, reason, message) in [
        (
            Code::FailedPrecondition,
            "EDIT_AMBIGUOUS",
            "nothing was written: `/a`, edit 1 of 1: `search` is there 3 times",
        ),
        (Code::InvalidArgument, "FILE_DUPLICATE", "`/a` and `/b` are the same file; nothing was written"),
        (Code::NotFound, "FILE_NOT_FOUND", "nothing was written: can not edit `/a`: it does not exist"),
        (Code::ResourceExhausted, "EDIT_PARTIAL", "no space left on the disk; already written: /a"),
        (Code::Aborted, "FILE_CHANGED", "`/a` was changed by somebody else; nothing was written"),
    ] {
        world.workspace.has.lock().files.edit = Some(Err(Processes::error(code, reason, message)));
        assert_eq!(world.call("edit_files", &args).await, (json!({ "error": message }), true), "{reason}");
    }
    assert_eq!(world.workspace.has.lock().files.edited.len(), 5, "once each");
}

/// G20: an answer that was lost is asked for again under the same key, and the first outcome is told as what it is.
#[tokio::test(start_paused = true)]
async fn g20_edits_whose_answer_was_lost_are_not_made_twice() {
    let world = World::new();
    let files = vec![edited("/a", "")];
    world.workspace.has.lock().files.edit = Some(Ok(agent::EditFilesResponse { files, repeated: true }));
    let args = json!({"edits": [{"path": "/a", "old_text": "1", "new_text": "2"}]});
    world.call("edit_files", &args).await;
    world.workspace.has.lock().mood = Mood::Breaks;
    let back = async {
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        world.workspace.has.lock().mood = Mood::Well;
    };
    let ((result, is_error), ()) = tokio::join!(world.call("edit_files", &args), back);
    assert!(!is_error && result["note"].as_str().is_some_and(|note| note.contains("not made again")), "{result}");
    let edited = world.workspace.has.lock().files.edited.clone();
    assert!(edited.len() > 2 && edited.iter().all(|request| *request == edited[0]), "{edited:?}");
}

/// G24: what is too much is an error and never a part; the model reads what to do.
#[tokio::test(start_paused = true)]
async fn g24_lines_are_read_within_limits() {
    let world = World::new();
    let lines =
        agent::ReadFileLinesResponse { file_bytes: 9, total_lines: 3, lines_read: 2, content: "2\tb\n3\tc".to_owned() };
    world.workspace.has.lock().files.read = Some(Ok(lines));
    let args = json!({"path": "/a", "offset": 2, "limit": null});
    let expected = json!({"success": true, "file_size": 9, "total_lines": 3, "lines_read": 2, "content": "2\tb\n3\tc"});
    assert_eq!(world.call("read_file", &args).await, (expected, false));
    let asked = world.workspace.has.lock().files.asked[0].clone();
    assert_eq!((asked.path.as_str(), asked.offset, asked.limit), ("/a", 2, 0));
    assert_eq!((asked.max_lines, asked.max_response_bytes, asked.max_file_bytes), (0, 0, 0), "the agent's defaults");

    let message = "the selection has more than 2000 lines; read fewer lines at a time with `offset` and `limit`";
    let over = Processes::error(Code::InvalidArgument, "FILE_LINES_OVER_LIMIT", message);
    world.workspace.has.lock().files.read = Some(Err(over));
    assert_eq!(world.call("read_file", &args).await, (json!({"success": false, "error": message}), false));
}

#[tokio::test(start_paused = true)]
async fn a_file_is_written_whole_or_the_agent_says_why_not() {
    let world = World::new();
    let content = "ä\n".repeat(50_000);
    let args = json!({"path": "/a b/#ü", "content": content});
    assert_eq!(world.call("write_file", &args).await, (json!({"ok": true}), false));
    let written = world.workspace.has.lock().files.written.pop().expect("a file");
    assert_eq!((written.0.path.as_str(), written.0.size_bytes), ("/a b/#ü", 150_000));
    assert_eq!((written.0.idempotency_key.as_str(), written.1), (KEY, content.into_bytes()));

    let message = "`/dir` is a directory";
    world.workspace.has.lock().files.refuse =
        Some(Processes::error(Code::FailedPrecondition, "FILE_UNSUITABLE", message));
    let called = world.call("write_file", &json!({"path": "/dir", "content": ""})).await;
    assert_eq!(called, (json!({ "error": message }), true));
}

//! What a model does in its workspace.

use chatmesh_mesh_tests::{Client, Mesh};
use chatmesh_testkit::simulator::{Script, Step};
use serde_json::{Value, json};

use super::home::Home;
use super::{WAITING, chat_in, results};

/// A server that says when it begins and when it is asked to end.
const SERVER: &str = "trap 'echo bye; exit 7' TERM; echo listening; touch ready; sleep 1000 & wait";

/// The results of the tools of a chat, as models read them.
async fn outcomes(client: &Client, chat: &str) -> Vec<Value> {
    let results = results(client, chat).await;
    let parsed =
        results.iter().map(|result| result["result"].as_str().and_then(|text| serde_json::from_str(text).ok()));
    parsed.map(|result| result.expect("JSON")).collect()
}

fn replaced(name: &str, search: &str, replace: &str) -> Value {
    json!({"path": format!("{{{{dir}}}}/{name}"), "edits": [{"search": search, "replace": replace}]})
}

/// A call that names the command that was left running last.
fn of_process(more: Value) -> Value {
    let mut args = more;
    args["process_id"] = "{{result.background_process_id}}".into();
    args
}

/// Edits of three files are made together or not at all; a server is left running, read, and ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_turn_edits_three_files_and_runs_a_server() {
    let two = [replaced("a.rs", "old", "new"), replaced("b.rs", "old", "new")];
    let wrong = json!({"files": [two[0], two[1], replaced("c.rs", "odl", "new")]});
    let right = json!({"files": [two[0], two[1], replaced("c.rs", "    old();\n", "    new();\n")]});
    let one = |name: &str, args: Value| Step::calls().call(name, args);
    let script = Script::new("model")
        .step(one("edit_files", wrong))
        .step(one("edit_files", right))
        .step(one("execute", json!({"command": SERVER, "run_in_background": true})))
        .step(one("execute", json!({"command": "until test -e ready; do sleep 0.02; done", "timeout": "1m"})))
        .step(one("process_output", of_process(json!({"wait_timeout": "500ms"}))))
        .step(one("process_list", json!({})))
        .step(one("process_signal", of_process(json!({"signal": "terminate"}))))
        .step(one("process_output", of_process(json!({"wait_timeout": "1m"}))))
        .step(one("process_signal", of_process(json!({"signal": "kill"}))))
        .step(Step::text("Done."));
    Mesh::run(vec![script], async |mesh| {
        let client = mesh.admin();
        let workspace = client.workspace("demo").await;
        let home = Home::of(mesh, &workspace);
        home.write("a.rs", "old\n");
        home.write("b.rs", "// old\n");
        home.write("c.rs", "fn c() {\n\told();\n}\n");
        let chat = chat_in(client, &workspace).await;
        let all = outcomes(client, &chat).await;
        let [refused, edited, started, _, running, listed, ended, last, late] = &all[..] else { panic!("{all:#?}") };

        let error = refused["error"].as_str().expect("an error");
        assert!(error.starts_with("nothing was written") && error.contains("c.rs`, edit 1 of 1"), "{error}");
        let files = edited["files"].as_array().expect("files");
        assert_eq!((edited["ok"] == true, files.len()), (true, 3), "{edited}");
        assert!(files[0]["diff"].as_str().is_some_and(|diff| diff.contains("\n-old\n+new\n")), "{edited}");
        assert_eq!(
            ["a.rs", "b.rs", "c.rs"].map(|name| home.read(name)),
            ["new\n", "// new\n", "fn c() {\n\tnew();\n}\n"]
        );

        let id = &started["background_process_id"];
        assert!(started["success"] == true && id.is_string() && started.get("exit_code").is_none(), "{started}");
        assert_eq!((&running["running"], &running["output"]), (&json!(true), &json!("listening\n")), "{running}");
        assert!(running.get("exit_code").is_none(), "it has not ended: {running}");
        let first = &listed["processes"][0];
        assert_eq!((&first["id"], &first["running"], &first["command"]), (id, &json!(true), &json!(SERVER)));
        assert_eq!(ended["success"], true, "{ended}");
        let output = last["output"].as_str().expect("output");
        assert!(output.starts_with("listening\n") && output.ends_with("bye\n"), "{last}");
        assert_eq!((&last["exit_code"], &last["success"]), (&json!(7), &json!(false)), "{last}");
        assert!(late["error"].as_str().is_some_and(|error| error.contains("is not running")), "{late}");
    })
    .await;
}

/// G23: another chat in the same workspace neither sees nor reads nor ends a command.
#[tokio::test(flavor = "multi_thread")]
async fn g23_a_command_is_its_chats_alone() {
    let sleep = json!({"command": "sleep 1000", "run_in_background": true});
    let owner = Script::new("model")
        .step(Step::calls().call("execute", sleep))
        .step(Step::text("Done."))
        .step(Step::calls().call("process_output", of_process(json!({"wait_timeout": "0s"}))))
        .step(Step::text("Done."));
    let named = |more: Value| {
        let mut args = more;
        args["process_id"] = "{{last_user_message}}".into();
        args
    };
    let other = Script::new("other")
        .step(
            Step::calls()
                .call("process_list", json!({}))
                .call("process_output", named(json!({})))
                .call("process_signal", named(json!({"signal": "kill"}))),
        )
        .step(Step::text("Done."));
    Mesh::run(vec![owner, other], async |mesh| {
        let client = mesh.admin();
        let workspace = client.workspace("demo").await;
        let chat = chat_in(client, &workspace).await;
        let id = outcomes(client, &chat).await[0]["background_process_id"].as_str().expect("an id").to_owned();

        let stranger = json!({"content": [{ "text": id }], "model": "other", "workspace_id": workspace});
        let stranger = client.post("/api/v1/chats", &stranger).await.ok()["id"].as_str().expect("an id").to_owned();
        client.settled(&stranger, WAITING).await;
        let missing =
            format!("process `{id}` not found: give a `background_process_id` that `execute` returned in this chat");
        let missing = json!({"success": false, "error": missing});
        let expected = [json!({"processes": []}), missing.clone(), missing];
        assert_eq!(outcomes(client, &stranger).await, expected);

        super::say(client, &chat).await;
        assert_eq!(outcomes(client, &chat).await[1]["running"], true, "it is still there");
    })
    .await;
}

//! A day's work of a model: from no workspace to one that is stopped again.

use chatmesh_mesh_tests::Mesh;
use chatmesh_testkit::Repository;
use chatmesh_testkit::simulator::{Script, Step};
use serde_json::{Value, json};

use super::{WAITING, config, create, find, one, outcomes, transcript, workspaces};

/// What the project's tests are: they pass once the three files say so.
const TESTS: &str = "for file in a.txt b.txt c.txt; do grep -q new $file || { echo $file is old; exit 1; }; done\n\
                     echo all 3 tests pass\n";
/// A server that says when it begins and when it is asked to end.
const SERVER: &str = "trap 'echo bye; exit 7' TERM; echo listening; touch ready; sleep 1000 & wait";

fn replaced(name: &str) -> Value {
    let path = format!("{{{{dir}}}}/project/{name}");
    json!({"path": path, "edits": [{"search": "old", "replace": "new"}]})
}

fn execute(command: &str) -> Step {
    one("execute", json!({"command": command, "timeout": "1m"}))
}

fn of_process(name: &str, more: Value) -> Step {
    let mut args = more;
    args["process_id"] = "{{result.background_process_id}}".into();
    one(name, args)
}

fn script(url: &str) -> Script {
    let edits = json!({"files": [replaced("a.txt"), replaced("b.txt"), replaced("c.txt")]});
    Script::new("model")
        .step(find())
        .step(one("read_template", json!({"template_id": "{{result.recommended_template_id}}"})))
        .step(one("create_workspace", create("work")))
        .step(execute("cat begun"))
        .step(execute(&format!("git clone -q {url} project && cat project/a.txt")))
        .step(execute("cd project && sh test.sh"))
        .step(one("edit_files", edits))
        .step(execute("cd project && sh test.sh"))
        .step(one("execute", json!({"command": SERVER, "run_in_background": true})))
        .step(execute("until test -e ready; do sleep 0.02; done"))
        .step(of_process("process_output", json!({"wait_timeout": "500ms"})))
        .step(of_process("process_signal", json!({"signal": "terminate"})))
        .step(of_process("process_output", json!({"wait_timeout": "1m"})))
        .step(one("stop_workspace", json!({})))
        .step(one("execute", json!({"command": "true"})))
        .step(Step::text("Done."))
}

/// A chat without a workspace makes one and waits for its startup script, clones a repository, edits three files, runs
/// the tests, leaves a server running, reads and ends it, and stops the workspace. G12: what a startup script prepares is
/// there for the first command.
#[tokio::test(flavor = "multi_thread")]
async fn a_model_does_a_days_work_in_a_workspace_of_its_own() {
    let files = [("a.txt", "old a\n"), ("b.txt", "old b\n"), ("c.txt", "old c\n"), ("test.sh", TESTS)];
    let repository = Repository::serve(&files).await;
    assert!(repository.root().join("project").is_dir());
    Mesh::run_with(config(), vec![script(&repository.url())], async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "Make the tests of the project pass.").await;
        let settled = client.settled(&chat, WAITING).await;
        let messages = client.messages(&chat).await;
        transcript::print(&messages);
        let all = outcomes(client, &chat).await;
        let [
            listed,
            read,
            created,
            begun,
            cloned,
            failing,
            edited,
            passing,
            server,
            _,
            running,
            ended,
            last,
            stopped,
            late,
        ] = &all[..]
        else {
            panic!("{all:#?}")
        };
        assert_eq!(listed["recommended_template_id"], listed["templates"][0]["id"], "{listed}");
        assert_eq!(read["template"]["name"], "local", "{read}");
        assert_eq!((&created["created"], &created["workspace_name"]), (&json!(true), &json!("work")), "{created}");
        assert!(created.get("agent_status").is_none() && created.get("startup_scripts").is_none(), "{created}");
        assert_eq!(begun["output"], "ready\n", "the startup script is waited for: {begun}");
        assert_eq!((&cloned["output"], &cloned["exit_code"]), (&json!("old a\n"), &json!(0)), "{cloned}");
        assert_eq!((&failing["output"], &failing["exit_code"]), (&json!("a.txt is old\n"), &json!(1)), "{failing}");
        assert_eq!((&edited["ok"], edited["files"].as_array().map(Vec::len)), (&json!(true), Some(3)), "{edited}");
        assert_eq!((&passing["output"], &passing["exit_code"]), (&json!("all 3 tests pass\n"), &json!(0)), "{passing}");
        assert!(server["background_process_id"].is_string(), "{server}");
        assert_eq!((&running["running"], &running["output"]), (&json!(true), &json!("listening\n")), "{running}");
        assert_eq!(ended["success"], true, "{ended}");
        assert_eq!((&last["exit_code"], &last["running"]), (&json!(7), &Value::Null), "{last}");
        assert_eq!((&stopped["stopped"], stopped["build_id"].is_string()), (&json!(true), true), "{stopped}");
        assert!(late["error"].as_str().is_some_and(|error| error.contains("start it")), "{late}");

        let there = workspaces(client).await;
        assert_eq!(there.len(), 1, "{there:#?}");
        assert_eq!(there[0]["status"], "WORKSPACE_STATUS_STOPPED", "{there:#?}");
        assert_eq!((&settled["workspace_id"], &settled["build_id"]), (&there[0]["id"], &stopped["build_id"]));
    })
    .await;
}

//! What a workspace brings into the turns of its chats, with the agent's real program: instructions, skills, the tools
//! of an MCP server, and the work that is done in it.

mod attachments;
mod home;
mod work;

use chatmesh::Config;
use chatmesh_mesh_tests::{Client, Mesh};
use chatmesh_testkit::simulator::{Script, Step};
use home::Home;
use serde_json::{Value, json};

const WAITING: &str = "CHAT_STATUS_WAITING";
/// The tools of the mesh in a workspace without skills.
const BUILTIN: [&str; 13] = [
    "attach_file",
    "create_workspace",
    "edit_files",
    "execute",
    "list_templates",
    "process_list",
    "process_output",
    "process_signal",
    "read_file",
    "read_template",
    "start_workspace",
    "stop_workspace",
    "write_file",
];

/// A chat in a workspace, with a first message.
async fn chat_in(client: &Client, workspace: &str) -> String {
    let chat = json!({"content": [{ "text": "Go." }], "model": "model", "workspace_id": workspace});
    let chat = client.post("/api/v1/chats", &chat).await.ok();
    let chat = chat["id"].as_str().expect("an id").to_owned();
    client.settled(&chat, WAITING).await;
    chat
}

async fn say(client: &Client, chat: &str) {
    client.say(chat, "On.").await;
    client.settled(chat, WAITING).await;
}

/// The bodies of the requests that the provider received.
fn requests(mesh: &Mesh) -> Vec<Value> {
    mesh.simulator().journal().requests().into_iter().map(|request| request.body).collect()
}

/// The instructions of a request, as one text.
fn system(request: &Value) -> String {
    match &request["system"] {
        Value::Array(blocks) => {
            let texts: Vec<&str> = blocks.iter().filter_map(|block| block["text"].as_str()).collect();
            texts.join("\n\n")
        }
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}

/// The names of the tools that were offered.
fn tools(request: &Value) -> Vec<&str> {
    request["tools"].as_array().into_iter().flatten().filter_map(|tool| tool["name"].as_str()).collect()
}

/// The results of tools that people see, in order.
async fn results(client: &Client, chat: &str) -> Vec<Value> {
    let messages = client.messages(chat).await;
    let parts = messages.iter().flat_map(|message| message["content"].as_array().cloned().unwrap_or_default());
    parts.filter_map(|part| part.get("tool_result").cloned()).collect()
}

/// G14, C12: an edit of the instructions is seen by the next turn; skills are listed and read; a workspace that is
/// stopped is told of as it was last, and does not hold the turn up.
#[tokio::test(flavor = "multi_thread")]
async fn g14_a_turn_is_told_what_its_workspace_says_by_then() {
    let read = Step::calls()
        .call("read_skill", json!({"name": "deploy"}))
        .call("read_skill_file", json!({"name": "deploy", "path": "steps/run.sh"}))
        .call("read_skill", json!({"name": "nonsense"}));
    let script = Script::new("model").per_turn().step(read).step(Step::text("Done."));
    Mesh::run(vec![script], async |mesh| {
        let client = mesh.admin();
        let workspace = client.workspace("demo").await;
        let home = Home::of(mesh, &workspace);
        home.write("AGENTS.md", "Build with make.<!-- not for you -->");
        home.write(".agents/skills/deploy/SKILL.md", "---\nname: deploy\ndescription: How to deploy.\n---\nRun it.\n");
        home.write(".agents/skills/deploy/steps/run.sh", "echo deployed\n");
        let chat = chat_in(client, &workspace).await;
        let first = &requests(mesh)[0];
        let told = system(first);
        assert!(told.contains(&format!("Working directory: {}", home.path())), "{told}");
        assert!(told.contains("\nBuild with make.\n</instruction-file>") && !told.contains("not for you"), "{told}");
        assert!(told.find("Build with make.") < told.find("- deploy: How to deploy."), "{told}");
        let (before, after) = BUILTIN.split_at(9);
        assert_eq!(tools(first), [before, &["read_skill", "read_skill_file"], after].concat());
        let results = results(client, &chat).await;
        let result = |at: usize| results[at]["result"].to_string();
        assert!(result(0).contains("Run it.") && result(0).contains("steps/run.sh"), "{results:?}");
        assert!(result(1).contains("echo deployed") && result(2).contains("there is no skill"), "{results:?}");

        home.write("AGENTS.md", "Build with cargo.");
        say(client, &chat).await;
        let told = system(&requests(mesh)[2]);
        assert!(told.contains("Build with cargo.") && !told.contains("make"), "{told}");

        client.post(&format!("/api/v1/workspaces/{workspace}:stop"), &json!({})).await.ok();
        say(client, &chat).await;
        let last = requests(mesh)[4].clone();
        let told = system(&last);
        assert!(told.contains("it does not run") && told.contains("does not answer now"), "{told}");
        assert!(told.contains("Build with cargo.") && told.contains("- deploy: How to deploy."), "{told}");
        assert_eq!(tools(&last), tools(first), "the tools are those that the model knows");
    })
    .await;
}

/// 9.3: a command in the workspace adds a directory to its own chat: the next turn has its instructions and skills,
/// another chat has not, and once they are cleared nobody has.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_adds_a_directory_to_the_context_of_its_chat_and_takes_it_away() {
    let execute = |command: &str| Step::calls().call("execute", json!({ "command": command }));
    let done = || Step::text("Done.");
    let script = Script::new("model")
        .step(execute("mkdir -p nothing && chatmesh-agent context add nothing; chatmesh-agent context add docs"))
        .step(done())
        .step(Step::calls().call("read_skill", json!({"name": "port"})))
        .step(done())
        .step(execute("chatmesh-agent context clear"))
        .step(done())
        .step(done());
    let other = Script::new("other").step(execute("chatmesh-agent context clear --chat 01890a5d")).step(done());
    Mesh::run(vec![script, other], async |mesh| {
        let client = mesh.admin();
        let workspace = client.workspace("demo").await;
        let home = Home::of(mesh, &workspace);
        home.write("docs/AGENTS.md", "Write in British English.");
        home.write("docs/.agents/skills/port/SKILL.md", "---\nname: port\ndescription: How to port.\n---\nPort it.\n");
        let chat = chat_in(client, &workspace).await;
        let said = results(client, &chat).await[0]["result"].to_string();
        assert!(said.contains("neither a file `AGENTS.md` nor skills"), "{said}");
        assert!(said.contains(&format!("to chat {chat}")) && said.contains("skill: port"), "{said}");
        let before = system(&requests(mesh)[0]);
        assert!(!before.contains("British"), "{before}");

        say(client, &chat).await;
        let told = system(&requests(mesh)[2]);
        assert!(told.contains("\nWrite in British English.\n</instruction-file>"), "{told}");
        assert!(told.contains("- port: How to port."), "{told}");
        assert!(results(client, &chat).await[1]["result"].to_string().contains("Port it."));

        let stranger = json!({"content": [{ "text": "Go." }], "model": "other", "workspace_id": workspace});
        let stranger = client.post("/api/v1/chats", &stranger).await.ok()["id"].as_str().expect("an id").to_owned();
        client.settled(&stranger, WAITING).await;
        let told = system(&requests(mesh)[4]);
        assert!(!told.contains("British") && !told.contains("- port"), "{told}");
        let refused = results(client, &stranger).await[0]["result"].to_string();
        assert!(refused.contains("only chats of this workspace can be changed here"), "{refused}");

        say(client, &chat).await;
        assert!(results(client, &chat).await[2]["result"].to_string().contains("Took away from chat"));
        say(client, &chat).await;
        let all = requests(mesh);
        let told = system(all.last().expect("a request"));
        assert_eq!(told, before, "it is as it was");
    })
    .await;
}

/// G15: a server that comes in the middle of a turn is there in the same turn, and at once in the next one.
#[tokio::test(flavor = "multi_thread")]
async fn g15_a_server_that_comes_in_the_middle_of_a_turn_has_its_tools_called_in_it() {
    let execute = |command: &str| Step::calls().call("execute", json!({ "command": command }));
    let script = Script::new("model")
        .step(execute("mv mcp.json .mcp.json"))
        .until_offered("one__echo", Step::text("Not yet.").call("execute", json!({"command": "sleep 0.2"})))
        .step(
            Step::calls()
                .call("one__echo", json!({"text": "heard"}))
                .call("one__fail", json!({}))
                .call("one__id", json!({}))
                .call("two__echo", json!({})),
        )
        .step(Step::text("Done."))
        .step(Step::text("Done."));
    let server = home::mcp_server();
    let mut config = Config::default();
    // Builds are often kept below a home directory, which workspaces do not see.
    config.provisioner.local.readable.push(server.clone());
    Mesh::run_with(config, vec![script], async |mesh| {
        let client = mesh.admin();
        let workspace = client.workspace("demo").await;
        let home = Home::of(mesh, &workspace);
        let config = json!({"mcpServers": {"one": {"command": server}}});
        home.write("mcp.json", config.to_string());
        let chat = chat_in(client, &workspace).await;
        let all = requests(mesh);
        assert!(!tools(&all[0]).contains(&"one__echo"), "it is not there yet");
        let last = all.len() - 1;
        // One answer comes before those that wait, and two after; each that waits takes 0.2 s at least.
        assert!(last <= 42, "it comes within 40 of them: {last}");
        let later = tools(&all[last]);
        let builtin: Vec<_> = later.iter().filter(|name| !name.contains("__")).copied().collect();
        assert_eq!(builtin, BUILTIN);
        assert!(later.contains(&"one__echo"), "{later:?}");
        let results = results(client, &chat).await;
        let [.., echo, fail, id, two] = &results[..] else { panic!("{results:?}") };
        assert!(echo["result"].to_string().contains("heard"), "{echo}");
        assert!(fail["result"].to_string().contains("it failed") && fail["is_error"] != true, "{fail}");
        assert!(id["result"].to_string().contains(&chat), "the call's key: {id}");
        assert!(two["is_error"] == true && two["result"].to_string().contains("two__echo"), "{two}");

        say(client, &chat).await;
        assert!(tools(&requests(mesh)[last + 1]).contains(&"one__echo"), "at once");
    })
    .await;
}

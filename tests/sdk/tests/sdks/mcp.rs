//! MCP clients that nobody here wrote before the mesh's own MCP server, and MCP servers that nobody here wrote behind
//! the mesh.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use chatmesh::Config;
use chatmesh_mesh_tests::{Client, Mesh};
use chatmesh_sdk_tests::packages::Runtime;
use chatmesh_sdk_tests::{Server, packages};
use chatmesh_testkit::simulator::{Script, Step};
use serde_json::{Value, json};
use tokio::process::Command;

/// How long a client may take with all that it does.
const LIMIT: Duration = Duration::from_secs(180);
/// Both ways of connecting: the handshake, and what came after it.
const MODES: [&str; 2] = ["legacy", "auto"];
const WAITING: &str = "CHAT_STATUS_WAITING";

/// Runs a program of others with nothing of this environment.
async fn run(mut program: Command, environment: &[(&str, &str)]) -> Output {
    program.env_clear().env("PYTHONDONTWRITEBYTECODE", "1").envs(environment.iter().copied());
    program.stdin(Stdio::null()).kill_on_drop(true);
    tokio::time::timeout(LIMIT, program.output()).await.expect("an end in time").expect("it runs")
}

fn printed(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    out.into_owned()
}

/// E4: the official SDK for Python, unmodified, lists and calls the tools of `/mcp`.
#[tokio::test(flavor = "multi_thread")]
async fn e4_the_python_sdk_lists_and_calls_the_meshs_own_tools() {
    let Some(python) = packages::mcp_python() else { return };
    Mesh::run(vec![Script::new("model")], async |mesh| {
        let client = mesh.member("ada").await;
        client.workspace("demo").await;
        let mut program = Command::new(&python.program);
        program.arg("mcp_client.py").current_dir(packages::sources("python"));
        let modes = json!(MODES).to_string();
        let environment = [("MESH_URL", mesh.url()), ("MESH_KEY", client.token()), ("MODES", &modes)];
        let printed = printed(&run(program, &environment).await);
        let lines: Vec<Value> = printed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        assert_eq!(lines.len(), MODES.len(), "{printed}");
        for line in &lines {
            assert_eq!(line["tools"].as_array().map(Vec::len), Some(20), "{line}");
        }
        assert_ne!(lines[0]["protocol"], lines[1]["protocol"], "two versions of the protocol are spoken: {printed}");
    })
    .await;
}

/// E4: the inspector's command line, unmodified, lists and calls the tools of `/mcp`.
#[tokio::test(flavor = "multi_thread")]
async fn e4_the_inspector_lists_and_calls_the_meshs_own_tools() {
    let Some(node) = packages::mcp_node() else { return };
    Mesh::run(vec![Script::new("model")], async |mesh| {
        let client = mesh.member("ada").await;
        client.workspace("demo").await;
        let home = tempfile::tempdir().expect("a directory");
        let inspect = async |token: &str, arguments: &[&str]| {
            let mut program = Command::new(&node.program);
            program
                .arg(
                    node.directory.join("node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"),
                )
                .args(["--cli", "--transport", "http", "--server-url"])
                .arg(format!("{}/mcp", mesh.url()))
                .arg("--header")
                .arg(format!("Authorization: Bearer {token}"))
                .args(arguments)
                .current_dir(home.path());
            run(program, &[("HOME", home.path().to_str().expect("a path of letters"))]).await
        };
        let listed = printed(&inspect(client.token(), &["--method", "tools/list"]).await);
        let listed: Value = serde_json::from_str(&listed).unwrap_or_else(|error| panic!("{error}: {listed}"));
        assert_eq!(listed["tools"].as_array().map(Vec::len), Some(20), "{listed}");
        let call = ["--method", "tools/call", "--tool-name", "workspace_bash"];
        let with = ["--tool-arg", "workspace=demo", "command=echo from the inspector"];
        let called = printed(&inspect(client.token(), &[&call[..], &with[..]].concat()).await);
        assert!(called.contains("from the inspector") && called.contains("exit_code"), "{called}");
        let refused = inspect("nobody's token", &["--method", "tools/list"]).await;
        assert!(!refused.status.success(), "{refused:?}");
    })
    .await;
}

/// The results of the tools of a chat with one message.
async fn turn(client: &Client, body: &Value) -> Vec<Value> {
    let chat = client.post("/api/v1/chats", body).await.ok();
    let chat = chat["id"].as_str().expect("an identifier").to_owned();
    client.settled(&chat, WAITING).await;
    let messages = client.messages(&chat).await;
    let parts = messages.iter().flat_map(|message| message["content"].as_array().cloned().unwrap_or_default());
    parts.filter_map(|part| part.get("tool_result").cloned()).collect()
}

/// The names of the tools that the model was last offered.
fn offered(mesh: &Mesh) -> Vec<String> {
    let requests = mesh.simulator().journal().requests();
    let tools = requests.last().map(|request| request.body["tools"].clone()).unwrap_or_default();
    let names = tools.as_array().into_iter().flatten().filter_map(|tool| tool["name"].as_str());
    names.map(str::to_owned).collect()
}

/// Starts the server with this transport.
async fn everything(node: &Runtime, directory: &Path, transport: &str) -> Server {
    let program = node.directory.join("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    let start = |port: u16| {
        let mut command = Command::new(&node.program);
        command.arg(&program).arg(transport).env("PORT", port.to_string());
        command
    };
    Server::listening(directory, start).await
}

/// E4: a server that nobody here wrote is listed and called for a chat, over both transports that there are.
#[tokio::test(flavor = "multi_thread")]
async fn e4_a_server_outside_of_the_mesh_is_listed_and_called() {
    let Some(node) = packages::mcp_node() else { return };
    for (transport, path, name) in
        [("streamableHttp", "mcp", "MCP_TRANSPORT_STREAMABLE_HTTP"), ("sse", "sse", "MCP_TRANSPORT_SSE")]
    {
        let directory = tempfile::tempdir().expect("a directory");
        let server = everything(&node, directory.path(), transport).await;
        let mut config = Config::default();
        config.tools.allow_private_addresses = true;
        let calls = Step::calls()
            .call("every__echo", json!({"message": "from the mesh"}))
            .call("every__get-sum", json!({"a": 20, "b": 22}));
        let script = Script::new("model").step(calls).step(Step::text("Done."));
        Mesh::run_with(config, vec![script], async |mesh| {
            let url = format!("{}/{path}", server.url());
            let body = json!({
                "slug": "every", "url": url, "transport": name, "availability": "MCP_AVAILABILITY_FORCE_ON",
            });
            mesh.admin().post("/api/v1/mcp-servers", &body).await.ok();
            let tested = mesh.admin().post("/api/v1/mcp-servers/every:test", &json!({})).await.ok();
            assert_eq!(tested["outcome"], "MCP_OUTCOME_CONNECTED", "{transport}: {tested}");
            let client = mesh.member("ada").await;
            let results = turn(&client, &json!({"content": [{"text": "Go."}], "model": "model"})).await;
            assert!(results[0].to_string().contains("from the mesh"), "{transport}: {results:?}");
            assert!(results[1].to_string().contains("42"), "{transport}: {results:?}");
            let offered = offered(mesh);
            let every: Vec<&String> = offered.iter().filter(|name| name.starts_with("every__")).collect();
            assert!(every.len() >= 5, "{transport}: {offered:?}");
            assert!(every.is_sorted(), "{transport}: {offered:?}");
        })
        .await;
    }
}

/// E4: a server on standard input and output that nobody here wrote runs in a workspace, and is listed and called.
#[tokio::test(flavor = "multi_thread")]
async fn e4_a_server_in_a_workspace_is_listed_and_called() {
    let Some(python) = packages::mcp_python() else { return };
    let program: PathBuf = python.directory.join("bin/mcp-server-time");
    let servers = json!({"mcpServers": {"time": {"command": program, "args": ["--local-timezone", "UTC"]}}});
    let execute = |command: &str| Step::calls().call("execute", json!({ "command": command }));
    let convert = json!({"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"});
    let script = Script::new("model")
        .step(execute(&format!("cat > .mcp.json <<'END'\n{servers}\nEND")))
        // The model is busy while the agent sees the file and starts the server.
        .until_offered("time__convert_time", Step::text("Not yet.").call("execute", json!({"command": "sleep 0.5"})))
        .step(Step::calls().call("time__convert_time", convert))
        .step(Step::text("Done."));
    // The server is installed where isolated workspaces do not look.
    Mesh::run_with(Mesh::not_isolated(), vec![script], async |mesh| {
        let client = mesh.member("ada").await;
        let workspace = client.workspace("demo").await;
        let body = json!({"content": [{"text": "Go."}], "model": "model", "workspace_id": workspace});
        let results = turn(&client, &body).await;
        let offered = offered(mesh);
        assert!(offered.iter().any(|name| name == "time__convert_time"), "{offered:?}");
        assert!(results.last().is_some_and(|result| result.to_string().contains("21:00")), "{results:?}");
    })
    .await;
}

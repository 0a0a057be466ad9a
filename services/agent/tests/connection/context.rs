//! Context and MCP servers of a workspace, through the agent as it runs.

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::context_service_client::ContextServiceClient;
use chatmesh_proto::agent::v1::mcp_service_client::McpServiceClient;
use chatmesh_proto::agent::v1::supervise_request::Body;
use tonic::Code;

use super::connected;
use super::lifecycle::Supervision;

#[tokio::test]
async fn context_and_mcp_servers_are_those_of_the_workspace() {
    let (_relay, agent, session) = connected().await;
    let work = agent.dir.path().join("work");
    let skill = work.join(".agents/skills/deploy");
    std::fs::create_dir_all(&skill).expect("directory");
    std::fs::write(work.join("AGENTS.md"), "be brief").expect("file");
    std::fs::write(skill.join("SKILL.md"), "---\nname: deploy\ndescription: d\n---\nbody").expect("file");
    std::fs::write(skill.join("run.sh"), "echo").expect("file");
    std::fs::write(work.join(".mcp.json"), r#"{"mcpServers":{"one":{"command":"./missing"}}}"#).expect("file");

    let mut client = ContextServiceClient::new(session.channel.clone());
    let context = client.get_context(pb::GetContextRequest {}).await.expect("context").into_inner();
    let content = |file: &pb::InstructionFile| file.path.starts_with(super::path(&work)).then(|| file.content.clone());
    assert_eq!(context.instruction_files.iter().find_map(content).as_deref(), Some("be brief"));
    assert!(context.skills.iter().any(|skill| skill.name == "deploy"), "{:?}", context.warnings);
    let name = "deploy".to_owned();
    let read = client.read_skill(pb::ReadSkillRequest { name: name.clone() }).await.expect("a skill").into_inner();
    assert_eq!((read.body.as_str(), read.files.as_slice()), ("body", &["run.sh".to_owned()][..]));
    let request = pb::ReadSkillFileRequest { name: name.clone(), path: "run.sh".to_owned() };
    let file = client.read_skill_file(request).await.expect("a file").into_inner();
    assert_eq!(file.content, "echo");
    let request = pb::ReadSkillFileRequest { name, path: "../../../.mcp.json".to_owned() };
    assert_eq!(client.read_skill_file(request).await.expect_err("refused").code(), Code::InvalidArgument);

    let mut client = McpServiceClient::new(session.channel.clone());
    let request = pb::ListMcpToolsRequest { refresh: true, wait_ms: Some(60_000) };
    let listing = client.list_mcp_tools(request).await.expect("a listing").into_inner();
    assert_eq!(listing.discovery(), pb::McpDiscovery::Complete);
    assert_eq!(listing.servers[0].state(), pb::McpServerState::Failed);
    assert!(listing.servers[0].error.contains("`./missing` can not be started"), "{:?}", listing.servers);
    agent.shutdown.cancel();
    agent.end().await.expect("a clean end");
}

/// G16: before the scripts of the start have ended, no tools means that nobody knows yet.
#[tokio::test]
async fn g16_tools_are_unknown_until_the_scripts_that_run_on_start_have_ended() {
    let (_relay, agent, session) = connected().await;
    let text =
        r#"until [ -e go ]; do sleep 0.01; done; echo '{"mcpServers":{"one":{"command":"./missing"}}}' > .mcp.json"#;
    let script = pb::Script { id: "a".to_owned(), script: text.to_owned(), run_on_start: true, ..Default::default() };
    let manifest = pb::Manifest { build_id: "b1".to_owned(), scripts: vec![script] };
    Supervision::begin(&session, Body::Manifest(manifest)).await.end_later();

    let mut client = McpServiceClient::new(session.channel.clone());
    let mut list = async |wait_ms| {
        let request = pb::ListMcpToolsRequest { refresh: false, wait_ms: Some(wait_ms) };
        client.list_mcp_tools(request).await.expect("a listing").into_inner()
    };
    assert_eq!(list(200).await.discovery(), pb::McpDiscovery::Unknown);
    std::fs::write(agent.dir.path().join("work/go"), "").expect("file");
    let listing = list(60_000).await;
    assert_eq!(listing.discovery(), pb::McpDiscovery::Complete);
    assert_eq!(listing.servers.iter().map(|server| server.name.as_str()).collect::<Vec<_>>(), ["one"]);
    agent.shutdown.cancel();
    agent.end().await.expect("a clean end");
}

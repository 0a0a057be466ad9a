use tempfile::TempDir;

use super::*;

fn lookup(name: &str) -> Option<String> {
    let value = match name {
        "KEY" => "key-of-the-service",
        "HOME" => "/home/somebody",
        "CHATMESH_WORKSPACE_ID" => "w1",
        _ => return None,
    };
    Some(value.to_owned())
}

fn files(contents: &[&str]) -> (TempDir, Vec<PathBuf>) {
    let dir = tempfile::tempdir().expect("dir");
    let write = |(at, content): (usize, &&str)| {
        let path = dir.path().join(format!("{at}.json"));
        std::fs::write(&path, content).expect("file");
        path
    };
    let files = contents.iter().enumerate().map(write).collect();
    (dir, files)
}

fn loaded(contents: &[&str]) -> Loaded {
    let (_dir, files) = files(contents);
    load(&files, &lookup)
}

/// The definition in a file with one server.
fn one(server: &str) -> Definition {
    let mut loaded = loaded(&[&format!(r#"{{"mcpServers":{{"one":{server}}}}}"#)]);
    assert_eq!((loaded.definitions.len(), loaded.warnings.len()), (1, 0), "{loaded:?}");
    loaded.definitions.remove(0)
}

fn problem(server: &str) -> String {
    one(server).transport.expect_err("refused")
}

#[test]
fn the_transport_is_the_type_or_else_what_is_given() {
    for server in [
        r#"{"command":"run"}"#,
        r#"{"type":"stdio","command":"run","url":"http://host"}"#,
        r#"{"command":"run","url":"http://host","args":null,"timeout":5}"#,
    ] {
        let Ok(Transport::Stdio { command, args, env }) = one(server).transport else { panic!("{server}") };
        assert_eq!((command.as_str(), args.len(), env.len()), ("run", 0, 0));
    }
    for kind in ["http", "sse", "streamable-http", "streamable_http", "streamableHttp"] {
        let server = format!(r#"{{"type":"{kind}","command":"run","url":"http://host/mcp"}}"#);
        let Ok(Transport::Http { protocol, .. }) = one(&server).transport else { panic!("{server}") };
        assert_eq!(protocol == Protocol::Sse, kind == "sse", "{server}");
    }
    let Ok(Transport::Http { url, .. }) = one(r#"{"url":"https://host/mcp"}"#).transport else { panic!("http") };
    assert_eq!(url.as_str(), "https://host/mcp");
}

#[test]
fn a_definition_that_is_none_says_what_is_wrong() {
    for (server, expected) in [
        ("{}", "neither a `command` nor a `url`"),
        (r#"{"type":"stdio","url":"http://host"}"#, "no `command`"),
        (r#"{"type":"http","command":"run"}"#, "no `url`"),
        (r#"{"type":"sse","command":"run"}"#, "the type `sse` and no `url`"),
        (r#"{"type":"pigeon","url":"http://host"}"#, "unknown `type`"),
        (r#"{"url":"file:///etc/passwd"}"#, "no http:// or https://"),
        (r#"{"command":["run"]}"#, "malformed"),
        (r#"{"command":"run","args":"all"}"#, "malformed"),
        (r#""run""#, "malformed"),
        (r#"{"command":"run","env":{"A":"${NONE}"}}"#, "needs the variable `NONE`"),
        (r#"{"command":"run","env":{"A=B":"c"}}"#, "no variable can have"),
        (r#"{"url":"http://host","headers":{"a b":"c"}}"#, "a name that is none"),
        (r#"{"url":"http://host","headers":{"a":"c\nd"}}"#, "no header can have"),
    ] {
        assert!(problem(server).contains(expected), "{server}: {}", problem(server));
    }
}

/// F.4: what a process of the workspace sees is all that a configuration can name.
#[test]
fn f4_variables_are_expanded_in_every_place() {
    let stdio = r#"{"command":"${HOME}/run","args":["--key=${KEY}","${NONE:-none}"],
        "env":{"KEY":"${KEY}","ID":"${CHATMESH_WORKSPACE_ID}"}}"#;
    let Ok(Transport::Stdio { command, args, env }) = one(stdio).transport else { panic!("stdio") };
    assert_eq!(command, "/home/somebody/run");
    assert_eq!(args, ["--key=key-of-the-service", "none"]);
    assert_eq!(env["KEY"], "key-of-the-service");
    assert_eq!(env["ID"], "w1");
    let http = r#"{"url":"http://host/${KEY}","headers":{"Authorization":"Bearer ${KEY}"}}"#;
    let Ok(Transport::Http { url, headers, .. }) = one(http).transport else { panic!("http") };
    assert_eq!(url.path(), "/key-of-the-service");
    let value = &headers[&http::header::AUTHORIZATION];
    assert_eq!(value, "Bearer key-of-the-service");
    assert!(value.is_sensitive());
}

/// F.6, 7: an identity of the mesh can not be overridden.
#[test]
fn f6_variables_of_the_mesh_can_not_be_set() {
    for name in ["CHATMESH_CHAT_ID", "CHATMESH_WORKSPACE_ID", "CHATMESH_AGENT_TOKEN"] {
        let problem = problem(&format!(r#"{{"command":"run","env":{{"{name}":"x"}}}}"#));
        assert!(problem.contains(&format!("may not set `{name}`")), "{problem}");
    }
}

#[test]
fn secrets_of_a_definition_are_in_no_text() {
    let definition = one(r#"{"command":"run","args":["${KEY}"],"env":{"TOKEN":"literal-secret"}}"#);
    let shown = definition.redactor.apply("failed: key-of-the-service literal-secret");
    assert_eq!(shown, "failed: [redacted] [redacted]");
    assert!(!format!("{definition:?}").contains("secret"));
    let definition = one(r#"{"command":"run","env":{"API_KEY":"literal-secret","ROOT":"/home/project"}}"#);
    let said = definition.redactor.hide("literal-secret in /home/project".to_owned());
    assert_eq!(said, "[redacted] in /home/project", "tools speak of paths");
    let definition = one(r#"{"command":"${HOME}/run"}"#);
    assert_eq!(definition.redactor.apply("no /home/somebody/run"), "no /home/somebody/run");
}

/// M01: names that break the rules fail by themselves.
#[test]
fn m01_a_server_with_a_bad_name_fails_alone() {
    let loaded = loaded(&[r#"{"mcpServers":{"a__b":{"command":"x"},"_a":{"command":"x"},"good":{"command":"x"}}}"#]);
    let ok: Vec<_> = loaded.definitions.iter().filter(|d| d.transport.is_ok()).map(|d| d.name.as_str()).collect();
    assert_eq!((loaded.definitions.len(), ok), (3, vec!["good"]));
}

/// M01: of two servers with one name, that of the first file counts.
#[test]
fn m01_the_first_of_a_name_wins() {
    let loaded = loaded(&[
        r#"{"mcpServers":{"a":{"command":"first"}}}"#,
        r#"{"mcpServers":{"a":{"command":"second"},"b":{"command":"b"}}}"#,
    ]);
    let commands: Vec<_> = loaded
        .definitions
        .iter()
        .map(|definition| match &definition.transport {
            Ok(Transport::Stdio { command, .. }) => command.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(commands, ["first", "b"]);
    assert!(loaded.warnings[0].contains("another one has its name"), "{:?}", loaded.warnings);
}

/// M01: a file that can not be read takes no other one with it.
#[test]
fn m01_missing_files_are_skipped_and_broken_ones_are_warnings() {
    let (dir, mut paths) = files(&[
        r#"{"mcpServers":{"a":{"command":"top-secret""#,
        r#"{"mcpServers":["top-secret"]}"#,
        r#"{"mcpServers":{"a":{"command":"a"}}}"#,
        "{}",
    ]);
    paths.insert(0, dir.path().join("missing.json"));
    paths.push(dir.path().to_owned());
    let loaded = load(&paths, &lookup);
    assert_eq!(loaded.definitions.len(), 1);
    let warnings = loaded.warnings.join("\n");
    assert_eq!(loaded.warnings.len(), 3, "{warnings}");
    for expected in ["0.json` was left out: it is not valid JSON (line 1", "`mcpServers` is not a map", "regular file"]
    {
        assert!(warnings.contains(expected), "{warnings}");
    }
    assert!(!warnings.contains("top-secret"));
}

#[test]
fn files_and_servers_are_bounded() {
    let servers: Vec<_> = (0..70).map(|n| format!(r#""s{n}":{{"command":"x"}}"#)).collect();
    let content = format!(r#"{{"mcpServers":{{{}}}}}"#, servers.join(","));
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(1024 * 1024));
    let loaded = loaded(&[&content, &large]);
    assert_eq!((loaded.definitions.len(), loaded.warnings.len()), (MAX_SERVERS, 7));
}

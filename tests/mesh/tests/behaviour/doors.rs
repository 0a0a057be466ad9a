//! What the HTTP door answers beside the methods of the contract.

use std::collections::BTreeSet;
use std::path::Path;

use chatmesh_mesh_tests::{Mesh, eventually};
use chatmesh_testkit::simulator::{Script, Step};
use reqwest::{Method, StatusCode};
use serde_json::Value;

fn scripts() -> Vec<Script> {
    vec![Script::new("model").step(Step::text("Yes.")).looped()]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openapi_document_lists_every_public_route() {
    Mesh::run(scripts(), async |mesh| {
        let document = mesh.admin().get("/openapi.json").await.ok();
        assert_eq!(document["openapi"], "3.1.0");
        let paths = document["paths"].as_object().expect("paths");
        let listed: BTreeSet<(String, String)> = paths
            .iter()
            .flat_map(|(path, methods)| {
                methods.as_object().into_iter().flatten().map(|(method, _)| (method.clone(), path.clone()))
            })
            .collect();
        let declared = declared_routes();
        assert!(declared.len() > 20, "{declared:?}");
        let missing: Vec<_> = declared.difference(&listed).collect();
        assert!(missing.is_empty(), "not in the document: {missing:#?}");
        assert_references_resolve(&document);
        // Fields have the names that they have on the wire.
        let chat = &document["components"]["schemas"]["chatmesh.chat.v1.Chat"]["properties"];
        assert!(chat["owner_id"].is_object() && chat["ownerId"].is_null(), "{chat}");
        let list = document["paths"]["/api/v1/chats"]["get"]["parameters"].as_array().expect("parameters");
        let parameters: Vec<&Value> = list.iter().map(|parameter| &parameter["name"]).collect();
        assert_eq!(parameters, ["page_size", "page_token", "query", "labels"]);
        // Files are no JSON.
        let upload = &document["paths"]["/api/v1/files"]["post"]["requestBody"]["content"];
        assert!(upload["*/*"].is_object() && upload["multipart/form-data"].is_object(), "{upload}");
        assert!(upload["application/json"].is_null(), "{upload}");
    })
    .await;
}

/// The routes as the protos declare them: `get: "/api/v1/chats"`.
fn declared_routes() -> BTreeSet<(String, String)> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto/chatmesh"));
    let mut routes = BTreeSet::new();
    for package in std::fs::read_dir(root).expect("packages") {
        let directory = package.expect("a package").path().join("v1");
        for file in std::fs::read_dir(directory).expect("files") {
            let text = std::fs::read_to_string(file.expect("a file").path()).expect("a text");
            for method in ["get", "post", "patch", "put", "delete"] {
                let marker = format!("{method}: \"/");
                let found = text.split(&marker).skip(1).filter_map(|rest| rest.split('"').next());
                routes.extend(found.map(|path| (method.to_owned(), format!("/{path}"))));
            }
        }
    }
    routes
}

fn assert_references_resolve(document: &Value) {
    let mut open = vec![document];
    while let Some(value) = open.pop() {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#').expect("a reference within the document");
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
        match value {
            Value::Object(members) => open.extend(members.values()),
            Value::Array(elements) => open.extend(elements),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_says_that_it_is_well_and_counts_what_it_does() {
    Mesh::run(scripts(), async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "Are you there?").await;
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        for (path, expected) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
            let response = client.send(Method::GET, path, None).await;
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(response.text().await.expect("a text"), expected);
        }

        // The chat has settled a moment before its runner has ended.
        let metrics = eventually(
            "nothing runs",
            async || {
                let metrics = client.send(Method::GET, "/metrics", None).await;
                assert_eq!(metrics.status(), StatusCode::OK);
                metrics.text().await.expect("a text")
            },
            |metrics| metrics.lines().any(|line| line == "chatmesh_chat_running 0"),
        );
        let metrics = metrics.await;
        let samples: Vec<&str> = metrics.lines().filter(|line| !line.starts_with('#')).collect();
        let foreign: Vec<&&str> = samples.iter().filter(|line| !line.starts_with("chatmesh_")).collect();
        assert!(foreign.is_empty(), "names without our prefix: {foreign:#?}");
        for expected in [
            "chatmesh_http_duration_seconds_count{method=\"POST\",status=\"200\"}",
            "chatmesh_rpc_duration_seconds_count{method=\"chatmesh.chat.v1.ChatService/CreateChat\",code=\"ok\"}",
            "chatmesh_chat_steps_total{provider=\"Anthropic\",model=\"model\"} 1",
            "chatmesh_relay_",
        ] {
            assert!(samples.iter().any(|line| line.starts_with(expected)), "no {expected} in {metrics}");
        }
        assert!(!metrics.contains(&chat), "a label holds an identifier");
        assert_eq!(metrics.lines().last(), Some("# EOF"));
    })
    .await;
}

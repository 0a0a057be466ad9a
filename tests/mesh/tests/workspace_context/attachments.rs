//! Files that a model gives to its user.

use chatmesh_mesh_tests::{Client, Mesh};
use chatmesh_testkit::simulator::{Script, Step};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::home::Home;
use super::{chat_in, requests, results, say};

const LIMIT: usize = 10 * 1024 * 1024;

/// An image as far as anybody looks at it: all bytes that there are.
fn png() -> Vec<u8> {
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".iter().copied().chain((0..=255).cycle().take(100_000)).collect()
}

fn attach(args: &Value) -> Value {
    let mut args = args.clone();
    args["path"] = format!("{{{{dir}}}}/{}", args["path"].as_str().expect("a path")).into();
    args
}

/// The files that stand beside the results of tools.
async fn attached(client: &Client, chat: &str) -> Vec<Value> {
    let messages = client.messages(chat).await;
    let of_tools = messages.iter().filter(|message| message["role"] == "ROLE_TOOL");
    let parts = of_tools.flat_map(|message| message["content"].as_array().cloned().unwrap_or_default());
    parts.filter_map(|part| part.get("file").cloned()).collect()
}

/// Byte for byte, up to the largest that may be, from the workspace to the client of its owner and to nobody else; the
/// model is told of the files and is not sent them.
#[tokio::test(flavor = "multi_thread")]
async fn a_model_gives_files_of_its_workspace_to_its_user() {
    let all = [
        json!({"path": "out/plot.png"}),
        json!({"path": "log", "name": "build/log.txt"}),
        json!({"path": "long.txt"}),
        json!({"path": "out"}),
        json!({"path": "none.txt"}),
        json!({"path": "all.zip"}),
    ];
    let step = all.iter().fold(Step::calls(), |step, args| step.call("attach_file", attach(args)));
    let script = Script::new("model").step(step).step(Step::text("Done.")).step(Step::text("Done."));
    Mesh::run(vec![script], async |mesh| {
        let client = mesh.admin();
        let workspace = client.workspace("demo").await;
        let home = Home::of(mesh, &workspace);
        let (png, log) = (png(), vec![b'x'; LIMIT]);
        home.write("out/plot.png", &png);
        home.write("log", &log);
        home.write("long.txt", vec![b'x'; LIMIT + 1]);
        home.write("all.zip", b"PK\x03\x04\x14\0\0\0\x08\0");
        let chat = chat_in(client, &workspace).await;

        let files = attached(client, &chat).await;
        let [image, text] = &files[..] else { panic!("{files:?}") };
        let results = results(client, &chat).await;
        let result = |at: usize| -> Value {
            serde_json::from_str(results[at]["result"].as_str().unwrap_or_default()).expect("JSON")
        };
        for (at, file, path, size) in [(0, image, "out/plot.png", png.len()), (1, text, "log", LIMIT)] {
            let mut expected = json!({"ok": true, "path": format!("{}/{path}", home.path()), "size": size});
            for field in ["file_id", "name", "media_type"] {
                expected[field] = file[field].clone();
            }
            assert_eq!(result(at), expected);
        }
        assert_eq!((&image["name"], &image["media_type"]), (&json!("plot.png"), &json!("image/png")));
        assert_eq!((&text["name"], &text["media_type"]), (&json!("log.txt"), &json!("text/plain")));
        for (at, expected) in [(2, "has 10485761 bytes, more than"), (3, "is a directory"), (4, "none.txt"), (5, "zip")]
        {
            assert!(results[at]["is_error"] == true && result(at).to_string().contains(expected), "{}", results[at]);
        }

        let stranger = mesh.member("stranger").await;
        for (file, content) in [(image, &png), (text, &log)] {
            let path = format!("/api/v1/files/{}", file["file_id"].as_str().expect("an id"));
            let got = client.send(Method::GET, &path, None).await;
            assert_eq!(got.status(), StatusCode::OK);
            let kind = got.headers()["content-type"].to_str().expect("a text").to_owned();
            assert!(kind.starts_with(file["media_type"].as_str().expect("a type")), "{kind}");
            assert!(got.bytes().await.expect("bytes") == content, "{path}: not what is in the workspace");
            assert_eq!(stranger.get(&path).await.status, StatusCode::NOT_FOUND);
        }
        let mut events = client.follow(&chat, 0).await;
        let shows = |event: &Value| event["message"]["content"][1]["file"] == *image;
        events.until(shows).await;

        say(client, &chat).await;
        let all = requests(mesh);
        for asked in &all[1..] {
            let asked = asked["messages"].to_string();
            assert!(asked.contains(image["file_id"].as_str().expect("an id")), "the model knows what it gave");
            assert!(asked.len() < 20_000 && !asked.contains("iVBORw0KGgo"), "{} bytes", asked.len());
        }
        assert_eq!(all.len(), 3);
    })
    .await;
}

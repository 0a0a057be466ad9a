//! Files: in over HTTP, into the model's prompt, and out again.

use chatmesh_mesh_tests::{Client, Mesh, PATIENCE};
use chatmesh_testkit::simulator::{Script, Step};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::text_of;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0";

fn scripts() -> Vec<Script> {
    vec![Script::new("model").step(Step::text("I see.")).looped()]
}

async fn request(
    mesh: &Mesh,
    client: &Client,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let url = format!("{}{path}", mesh.url());
    let http = reqwest::Client::builder().timeout(PATIENCE).build().expect("an HTTP client");
    let mut request = http.request(method, url).bearer_auth(client.token()).body(body.to_vec());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer")
}

/// Uploads a file and returns what the mesh says of it.
async fn upload(mesh: &Mesh, query: &str, content_type: &str, body: &[u8]) -> Value {
    let path = format!("/api/v1/files{query}");
    let answer = request(mesh, mesh.admin(), Method::POST, &path, &[("content-type", content_type)], body).await;
    assert_eq!(answer.status(), StatusCode::OK);
    answer.json().await.expect("JSON")
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().expect("a text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_back_byte_for_byte_with_headers_that_keep_browsers_safe() {
    Mesh::run(scripts(), async |mesh| {
        let file = upload(mesh, "?name=Gr%C3%BC%C3%9Fe%20%221%22.png", "application/octet-stream", PNG).await;
        assert_eq!((&file["name"], &file["media_type"]), (&json!("Grüße \"1\".png"), &json!("image/png")), "{file}");
        assert_eq!((&file["size_bytes"], &file["chat_id"]), (&json!(PNG.len()), &Value::Null), "{file}");
        let path = format!("/api/v1/files/{}", file["id"].as_str().expect("an id"));
        let got = request(mesh, mesh.admin(), Method::GET, &path, &[], b"").await;
        assert_eq!(got.status(), StatusCode::OK);
        assert_eq!(header(&got, "content-type"), "image/png");
        assert_eq!(header(&got, "x-content-type-options"), "nosniff");
        assert_eq!(
            header(&got, "content-disposition"),
            "inline; filename=\"Gr__e _1_.png\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%221%22.png"
        );
        assert_eq!(header(&got, "cache-control"), "private, max-age=31536000, immutable");
        let tag = header(&got, "etag").to_owned();
        assert_eq!(&got.bytes().await.expect("bytes")[..], PNG);

        let known = request(mesh, mesh.admin(), Method::GET, &path, &[("if-none-match", &tag)], b"").await;
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
        assert!(known.bytes().await.expect("nothing").is_empty());
        let head = request(mesh, mesh.admin(), Method::HEAD, &path, &[], b"").await;
        assert_eq!((head.status(), header(&head, "content-length")), (StatusCode::OK, PNG.len().to_string().as_str()));
        let stranger = mesh.member("stranger").await;
        let refused = request(mesh, &stranger, Method::GET, &path, &[("if-none-match", &tag)], b"").await;
        assert_eq!(refused.status(), StatusCode::NOT_FOUND, "a file that is not theirs is not there");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_taken_too_and_texts_are_told_apart() {
    Mesh::run(scripts(), async |mesh| {
        let form = b"--cut\r\nContent-Disposition: form-data; name=\"upload\"; filename=\"notes.md\"\r\n\
            Content-Type: application/octet-stream\r\n\r\n# Notes\r\n\r\n--cut--\r\n";
        let file = upload(mesh, "", "multipart/form-data; boundary=cut", form).await;
        assert_eq!((&file["name"], &file["media_type"]), (&json!("notes.md"), &json!("text/markdown")), "{file}");
        let path = format!("/api/v1/files/{}", file["id"].as_str().expect("an id"));
        let got = request(mesh, mesh.admin(), Method::GET, &path, &[], b"").await;
        assert_eq!(header(&got, "content-type"), "text/markdown; charset=utf-8");
        assert!(header(&got, "content-disposition").starts_with("attachment; filename=\"notes.md\""), "not shown");
        assert_eq!(header(&got, "content-security-policy"), "default-src 'none'; sandbox");
        assert_eq!(got.text().await.expect("a text"), "# Notes\r\n");

        let json = upload(mesh, "", "application/json", br#"{"a": [1, 2]}"#).await;
        assert_eq!((&json["name"], &json["media_type"]), (&json!("attachment.json"), &json!("application/json")));
        let csv = upload(mesh, "?name=a.csv", "", b"a,b\n1,2\n").await;
        assert_eq!(csv["media_type"], "text/csv");
        // The largest that may be, and the same request again.
        let request = "?name=big.txt&request_id=01890a5d-ac96-774b-bcce-b302099a8057";
        let big = upload(mesh, request, "text/plain", &vec![b'x'; 10 * 1024 * 1024]).await;
        assert_eq!(big["size_bytes"], 10 * 1024 * 1024);
        assert_eq!(upload(mesh, request, "text/plain", b"another").await, big);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_sees_what_was_attached_and_people_see_its_name() {
    Mesh::run(scripts(), async |mesh| {
        let client = mesh.admin();
        let image = upload(mesh, "?name=a.png", "image/png", PNG).await;
        let notes = upload(mesh, "?name=notes.txt", "text/plain", b"The key is under the mat.").await;
        let content = json!([
            {"text": "Look at this."},
            {"file": {"file_id": image["id"]}},
            {"file": {"file_id": notes["id"]}},
            {"file_reference": {"file_name": "src/door.rs", "start_line": 3, "end_line": 4, "content": "fn open() {}"}},
        ]);
        let chat = client.post("/api/v1/chats", &json!({ "content": content })).await.ok();
        let chat = chat["id"].as_str().expect("an id");
        client.settled(chat, "CHAT_STATUS_WAITING").await;

        let asked = mesh.simulator().journal().requests()[0].body["messages"].to_string();
        for expected in
            ["image/png", "iVBORw0KGgo", "notes.txt", "The key is under the mat.", "src/door.rs", "fn open() {}"]
        {
            assert!(asked.contains(expected), "the model does not see {expected}: {asked}");
        }
        let said = client.messages(chat).await.remove(0);
        assert_eq!(text_of(&said), "Look at this.");
        let file = &said["content"][1]["file"];
        assert_eq!(file, &json!({"media_type": "image/png", "name": "a.png", "file_id": image["id"]}), "no bytes");
        assert_eq!(said["content"][3]["file_reference"]["start_line"], 3, "{said}");

        // The file is the chat's now, for good, and is shown to the model again.
        let again = json!({"content": [{"text": "And again."}, {"file": file}]});
        client.post(&format!("/api/v1/chats/{chat}/messages"), &again).await.ok();
        client.settled(chat, "CHAT_STATUS_WAITING").await;
        let asked = mesh.simulator().journal().requests()[1].body["messages"].to_string();
        assert_eq!(asked.matches("iVBORw0KGgo").count(), 2, "{asked}");
        let other = client.post("/api/v1/chats", &again).await;
        assert_eq!(other.status, 400, "{other:?}");
    })
    .await;
}

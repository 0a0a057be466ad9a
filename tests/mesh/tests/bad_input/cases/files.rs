//! Files: what is not taken, and messages that name what they may not.

use serde_json::{Value, json};
use tonic::Code;

use super::NOBODY;
use crate::case::Case;
use crate::world::World;

const FILES: &str = "/api/v1/files";
const MAX_FILE_BYTES: usize = 10 * 1024 * 1024;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
const FORM: &str = "multipart/form-data; boundary=cut";

pub(super) fn all(world: &World) -> Vec<Case> {
    let mut cases = uploading();
    cases.extend(forms());
    cases.extend(reading(world));
    cases.extend(naming(world));
    cases.into_iter().map(|case| case.token(&world.member)).collect()
}

fn upload(name: &'static str, query: &str, content_type: &'static str, bytes: impl Into<Vec<u8>>) -> Case {
    Case::new(name, "POST", format!("{FILES}{query}")).typed_body(content_type, bytes)
}

fn uploading() -> Vec<Case> {
    let too_large = "`data` is too large: 10485760 bytes at most";
    vec![
        upload("empty file", "", "image/png", "").violates("data", "must not be empty"),
        Case::new("upload without a body", "POST", FILES).violates("data", "must not be empty"),
        upload("file that is a page", "", "text/html", "<p>hi")
            .violates("data", "is said to be text/html, which is not"),
        upload("page that is said to be a text", "", "text/plain", "<!doctype html><p>hi")
            .violates("data", "is an HTML or SVG document"),
        upload("drawing that is a program", "", "", "<svg xmlns='http://www.w3.org/2000/svg'/>")
            .violates("data", "is an HTML or SVG document"),
        upload("archive", "", "application/zip", *b"PK\x03\x04\x14\0\0\0\x08\0")
            .violates("data", "is of a type that is not taken (application/zip): accepted are PNG, JPEG"),
        upload("bytes of nothing", "", "text/plain", *b"\0\x01\x02").violates("data", "accepted are PNG, JPEG"),
        upload("text in another encoding", "", "text/plain", *b"\xff\xfeh\0i\0")
            .violates("data", "plain text in UTF-8"),
        upload("image that is a text", "", "image/png", "hello")
            .violates("data", "is said to be image/png, but is text"),
        upload("over-long name", &format!("?name={}", "n".repeat(256)), "", "hello")
            .violates("name", "must be one line of at most 255 bytes"),
        upload("name of two lines", "?name=a%0Ab", "", "hello").violates("name", "must be one line"),
        upload("upload with a bad request_id", "?request_id=1", "", "hello").violates("request_id", "must be a UUID"),
        upload("upload with an unknown parameter", "?title=a", "", "hello")
            .violates("title", "is no parameter of an upload: expected one of `name`"),
        upload("file over 10 MiB", "", "text/plain", vec![b'x'; MAX_FILE_BYTES + 1]).expect(
            413,
            Code::InvalidArgument,
            too_large,
        ),
        Case::new("file that is announced to be too large", "POST", FILES)
            .header(format!("Content-Length: {}", u64::MAX / 2))
            .expect(413, Code::InvalidArgument, too_large),
        Case::new("replace of all files", "PUT", FILES).body("{}").expect(404, Code::NotFound, "there is no route"),
        Case::get("list of files", FILES).expect(404, Code::NotFound, "there is no route"),
    ]
}

fn forms() -> Vec<Case> {
    let part = |disposition: &str, content: &[u8]| {
        let head = format!("--cut\r\nContent-Disposition: form-data; {disposition}\r\n\r\n");
        [head.as_bytes(), content, b"\r\n"].concat()
    };
    let form = |parts: &[Vec<u8>]| [parts.concat(), b"--cut--\r\n".to_vec()].concat();
    let file = part("name=\"file\"; filename=\"a.png\"", PNG);
    vec![
        upload("form without a boundary", "", "multipart/form-data", form(std::slice::from_ref(&file)))
            .violates("data", "must be a form with one file"),
        upload("form without a file", "", FORM, form(&[])).violates("data", "must be there: the form has no file"),
        upload("form with two files", "", FORM, form(&[file.clone(), file.clone()]))
            .violates("file", "is a second file: upload one at a time"),
        upload("form with a field", "", FORM, form(&[part("name=\"title\"", b"hi"), file.clone()]))
            .violates("title", "is no file: the form must have one file and nothing else"),
        upload("form that breaks off", "", FORM, file).violates("data", "must be a form with one file"),
        upload("form with an empty file", "", FORM, form(&[part("name=\"file\"; filename=\"a\"", b"")]))
            .violates("data", "must not be empty"),
        upload(
            "form with a file over 10 MiB",
            "",
            FORM,
            form(&[part("name=\"file\"; filename=\"a\"", &vec![b'x'; MAX_FILE_BYTES + 1])]),
        )
        .expect(413, Code::InvalidArgument, "is too large: 10485760 bytes at most"),
    ]
}

fn reading(world: &World) -> Vec<Case> {
    let missing = |case: Case, id: &str| case.expect(404, Code::NotFound, format!("file `{id}` not found"));
    let read = |name, id: &str| Case::get(name, format!("{FILES}/{id}"));
    vec![
        missing(read("unknown file", NOBODY), NOBODY),
        missing(read("another user's file", &world.others_file), &world.others_file),
        read("file that made room for newer ones", &world.gone_file).expect(
            404,
            Code::NotFound,
            format!("file `{}` is gone: newer files of its chat took its place", world.gone_file),
        ),
        read("file that is no UUID", "mine").violates("file_id", "must be a UUID"),
        read("file with a bad encoding", "%zz").violates("file_id", "must be a UUID"),
        Case::delete("delete a file", format!("{FILES}/{}", world.free_file)).expect(404, Code::NotFound, "no route"),
    ]
}

fn naming(world: &World) -> Vec<Case> {
    let create =
        |name, file: Value| Case::post(name, "/api/v1/chats", &json!({"content": [{"text": "hi"}, {"file": file}]}));
    let field = "content[1].file.file_id";
    let messages = format!("/api/v1/chats/{}/messages", world.idle_chat);
    let many: Vec<Value> = (0..51).map(|_| json!({"file": {"file_id": world.free_file}})).collect();
    vec![
        create("message with an unknown file", json!({"file_id": NOBODY}))
            .violates(field, format!("does not fit: file `{NOBODY}` not found")),
        create("message with another user's file", json!({"file_id": world.others_file}))
            .violates(field, format!("file `{}` not found", world.others_file)),
        create("message with another chat's file", json!({"file_id": world.used_file}))
            .violates(field, format!("file `{}` belongs to another chat: upload it again", world.used_file)),
        create("message with a file that is no UUID", json!({"file_id": "mine"})).violates(field, "must be a UUID"),
        create("message with a file without an id", json!({"name": "a.txt"}))
            .violates(field, "must name an uploaded file"),
        create("message with the bytes of a file", json!({"file_id": world.free_file, "data": "aGk="}))
            .violates("content[1].file.data", "must not be set: upload the file"),
        Case::post("message with too many files", &messages, &json!({ "content": many }))
            .violates("content", "must have at most 50 files"),
        Case::post("sent with an unknown file", &messages, &json!({"content": [{"file": {"file_id": NOBODY}}]}))
            .violates("content[0].file.file_id", "not found"),
        Case::patch(
            "edited with an unknown file",
            format!("{messages}/1"),
            &json!({"content": [{"file": {"file_id": NOBODY}}]}),
        )
        .violates("content[0].file.file_id", "not found"),
    ]
}

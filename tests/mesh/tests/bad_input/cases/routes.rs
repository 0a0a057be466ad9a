//! Paths and methods that there are not.

use serde_json::json;
use tonic::Code;

use crate::case::Case;
use crate::world::World;

pub(super) fn all(world: &World) -> Vec<Case> {
    let chat = format!("/api/v1/chats/{}", world.idle_chat);
    let nowhere = |case: Case| case.expect(404, Code::NotFound, "/openapi.json lists what there is");
    let cases = vec![
        nowhere(Case::get("unknown route", "/api/v1/nothing")),
        nowhere(Case::get("unknown version", "/api/v9/chats")),
        nowhere(Case::get("root", "/")),
        nowhere(Case::get("path with a slash at its end", "/api/v1/chats/")),
        nowhere(Case::post("unknown verb", format!("{chat}:explode"), &json!({}))),
        nowhere(Case::new("wrong method", "PUT", "/api/v1/chats").body("{}")),
        nowhere(Case::delete("method that the path does not take", chat.clone())),
        nowhere(Case::new("method that nobody knows", "FROBNICATE", "/api/v1/chats")),
        nowhere(Case::get("GET of a verb", format!("{chat}:interrupt"))),
        Case::get("bad percent-encoding in the path", "/api/v1/chats/%zz").expect(
            400,
            Code::InvalidArgument,
            "the address is not valid: path variable contains malformed percent encoding",
        ),
        Case::get("invalid UTF-8 in the path", "/api/v1/chats/%ff%fe").expect(
            400,
            Code::InvalidArgument,
            "invalid UTF-8",
        ),
        Case::get("NUL in the path", "/api/v1/models/%00").expect(404, Code::NotFound, "not found"),
        Case::post("internal method over JSON", "/chatmesh.llm.v1.LlmService/Generate", &json!({})).expect(
            404,
            Code::NotFound,
            "there is no route",
        ),
    ];
    cases.into_iter().map(|case| case.token(&world.member)).collect()
}

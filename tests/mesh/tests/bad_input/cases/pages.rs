//! Pages of lists.

use tonic::Code;

use super::NOBODY;
use crate::case::Case;
use crate::world::World;

const CHATS: &str = "/api/v1/chats";

pub(super) fn all(world: &World) -> Vec<Case> {
    let messages = format!("{CHATS}/{}/messages", world.idle_chat);
    let not_of_this_list = "is not a token of this list: pass next_page_token of the page before";
    let mut cases = every_list(world);
    cases.extend([
        Case::get("negative page_size of messages", format!("{messages}?page_size=-1"))
            .violates("page_size", "must not be negative"),
        Case::get("garbage page_token of messages", format!("{messages}?page_token=garbage"))
            .violates("page_token", not_of_this_list),
        Case::get("messages of an unknown chat", format!("{CHATS}/{NOBODY}/messages")).expect(
            404,
            Code::NotFound,
            format!("chat `{NOBODY}` not found"),
        ),
        Case::get("huge page_size", format!("{CHATS}?page_size=2147483647")).expect(200, Code::Ok, ""),
        Case::get("negative page_size", format!("{CHATS}?page_size=-1")).violates("page_size", "must not be negative"),
        Case::get("page_size beyond 32 bits", format!("{CHATS}?page_size=99999999999")).expect(
            400,
            Code::InvalidArgument,
            "query `page_size=99999999999` must be a whole number",
        ),
        Case::get("page_size is no number", format!("{CHATS}?page_size=all")).expect(
            400,
            Code::InvalidArgument,
            "query `page_size=all` must be a whole number",
        ),
        Case::get("garbage page_token", format!("{CHATS}?page_token=garbage")).violates("page_token", not_of_this_list),
        Case::get("page_token of another list", format!("{messages}?page_token={}", world.chats_page_token))
            .violates("page_token", not_of_this_list),
        Case::get("unknown order of messages", format!("{messages}?order=SIDEWAYS")).expect(
            400,
            Code::InvalidArgument,
            "query `order=SIDEWAYS` must be one of `MESSAGE_ORDER_UNSPECIFIED`",
        ),
        Case::get("unknown query parameter", format!("{CHATS}?limit=5")).expect(
            400,
            Code::InvalidArgument,
            "expected one of `page_size`",
        ),
        Case::get("bad percent-encoding in the query", format!("{CHATS}?page_token=%zz")).expect(
            400,
            Code::InvalidArgument,
            "the address is not valid: query parameter value contains malformed percent encoding",
        ),
    ]);
    // Only an administrator lists users; no other row here needs one.
    let (users, cases): (Vec<Case>, Vec<Case>) = cases.into_iter().partition(|case| case.name.ends_with("users"));
    let users = users.into_iter().map(|case| case.token(&world.admin));
    users.chain(cases.into_iter().map(|case| case.token(&world.member))).collect()
}

/// What no list takes.
fn every_list(world: &World) -> Vec<Case> {
    let builds = format!("/api/v1/workspaces/{}/builds", world.workspace);
    let lists = [
        ("negative page_size of models", "garbage page_token of models", "/api/v1/models"),
        ("negative page_size of providers", "garbage page_token of providers", "/api/v1/providers"),
        ("negative page_size of users", "garbage page_token of users", "/api/v1/users"),
        ("negative page_size of tokens", "garbage page_token of tokens", "/api/v1/tokens"),
        ("negative page_size of workspaces", "garbage page_token of workspaces", "/api/v1/workspaces"),
        ("negative page_size of builds", "garbage page_token of builds", &builds),
        ("negative page_size of templates", "garbage page_token of templates", "/api/v1/templates"),
    ];
    let rows = lists.into_iter().flat_map(|(size, token, path)| {
        [
            Case::get(size, format!("{path}?page_size=-1")).violates("page_size", "must not be negative"),
            Case::get(token, format!("{path}?page_token=garbage"))
                .violates("page_token", "is not a token of this list: pass next_page_token of the page before"),
        ]
    });
    rows.collect()
}

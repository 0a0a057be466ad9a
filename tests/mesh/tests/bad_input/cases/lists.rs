//! What to look for in the list of chats.

use tonic::Code;

use crate::case::Case;
use crate::world::World;

pub(super) fn all(world: &World) -> Vec<Case> {
    let find = |name, query: &str| Case::get(name, format!("/api/v1/chats?query={query}"));
    let cases = vec![
        find("query of a bare word", "build").violates(
            "query",
            "has the word `build` without a key: write `key:value` with `title`, `search`, `archived`, `has_unread` or \
             `status`, like `title:build`",
        ),
        find("query with a word after a term", "status:error%20build").violates("query", "the word `build` without"),
        find("query with an unknown key", "owner:me").violates("query", "has the unknown key `owner`: use `title`"),
        find("query without a value", "title:").violates("query", "has no value for `title`"),
        find("query with open quotes", "title:%22open").violates("query", "does not close the quotes before `open`"),
        find("query with an unknown status", "status:idle").violates("query", "must be one of `waiting`, `running`"),
        find("query with a status as the contract has it", "status:CHAT_STATUS_ERROR")
            .violates("query", "must be one of `waiting`, `running`"),
        find("query with no boolean", "archived:1").violates("query", "must be `true` or `false`"),
        find("query with a key twice", "has_unread:true%20has_unread:false")
            .violates("query", "must not have `has_unread` twice"),
        find("over-long query", &format!("title:{}", "x".repeat(1000))).violates("query", "at most 1000 bytes"),
        find("NUL in a query", "title:%00").violates("query", "no NUL"),
        Case::get("label without a value", "/api/v1/chats?labels=a=b&labels=c")
            .violates("labels[1]", "must be `key=value`"),
        Case::get("label without a key", "/api/v1/chats?labels==b").violates("labels[0]", "must be `key=value`"),
        Case::get("too many labels to look for", format!("/api/v1/chats?{}", vec!["labels=a=b"; 51].join("&")))
            .violates("labels", "must be at most 50"),
        Case::get(
            "page_token of another query",
            format!("/api/v1/chats?query=title:a&page_token={}", world.chats_page_token),
        )
        .violates("page_token", "is not a token of this list"),
        Case::get(
            "page_token of other labels",
            format!("/api/v1/chats?labels=a=b&page_token={}", world.chats_page_token),
        )
        .violates("page_token", "is not a token of this list"),
        Case::get("query that finds nothing", "/api/v1/chats?query=title:%22%27%20OR%201=1%22").expect(
            200,
            Code::Ok,
            "",
        ),
    ];
    cases.into_iter().map(|case| case.token(&world.member)).collect()
}

//! Pages of lists.

use tonic::Code;

use crate::case::Case;
use crate::world::World;

const CHATS: &str = "/api/v1/chats";

pub(super) fn all(world: &World) -> Vec<Case> {
    let messages = format!("{CHATS}/{}/messages", world.idle_chat);
    let not_of_this_list = "is not a token of this list: pass next_page_token of the page before";
    let cases = vec![
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
    ];
    cases.into_iter().map(|case| case.token(&world.member)).collect()
}

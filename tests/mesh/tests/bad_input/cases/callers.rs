//! Who calls, and what they may do.

use serde_json::json;
use tonic::Code;

use super::NOBODY;
use crate::case::Case;
use crate::world::World;

const CHATS: &str = "/api/v1/chats";

pub(super) fn all(world: &World) -> Vec<Case> {
    let denied =
        |case: Case| case.token(&world.member).expect(403, Code::PermissionDenied, "only an administrator may do this");
    let unauthenticated = |case: Case, message: &str| case.expect(401, Code::Unauthenticated, message);
    vec![
        unauthenticated(Case::get("no token", CHATS), "send the header `Authorization: Bearer TOKEN`"),
        unauthenticated(
            Case::get("Authorization without a scheme", CHATS).header("Authorization: cmt_secret"),
            "the header must be `Authorization: Bearer TOKEN`",
        ),
        unauthenticated(
            Case::get("Authorization of another scheme", CHATS).header("Authorization: Basic dXNlcjpwYXNz"),
            "the header must be `Authorization: Bearer TOKEN`",
        ),
        unauthenticated(
            Case::get("Authorization with an empty token", CHATS).header("Authorization: Bearer  "),
            "the header must be `Authorization: Bearer TOKEN`",
        ),
        unauthenticated(
            Case::get("Authorization that is no text", CHATS).header("Authorization: Bearer \u{fc}\u{20ac}"),
            "the header must be `Authorization: Bearer TOKEN`",
        ),
        unauthenticated(Case::get("unknown token", CHATS).token("cmt_nobody"), "the token is not valid"),
        unauthenticated(Case::get("revoked token", CHATS).token(&world.revoked), "the token is not valid"),
        unauthenticated(Case::get("expired token", CHATS).token(&world.expired), "the token is not valid"),
        unauthenticated(
            Case::get("no token to watch the list", "/api/v1/chats:watch"),
            "send the header `Authorization: Bearer TOKEN`",
        ),
        unauthenticated(
            Case::post("no token, bad body", CHATS, &json!("nonsense")),
            "send the header `Authorization: Bearer TOKEN`",
        ),
        unauthenticated(
            Case::get("assertion instead of a token", CHATS).header("chatmesh-assertion: e30.e30.e30"),
            "send the header `Authorization: Bearer TOKEN`",
        ),
        denied(Case::post(
            "member creates a provider",
            "/api/v1/providers",
            &json!({"name": "mine", "type": "PROVIDER_TYPE_ANTHROPIC"}),
        )),
        denied(Case::new("member changes a provider", "PATCH", "/api/v1/providers/sim").body(r#"{"enabled":false}"#)),
        denied(Case::delete("member deletes a provider", "/api/v1/providers/sim")),
        denied(Case::post("member creates a model", "/api/v1/models", &json!({"provider": "sim", "model": "m"}))),
        denied(Case::delete("member deletes a model", "/api/v1/models/quick")),
        denied(Case::post("member creates a user", "/api/v1/users", &json!({"name": "me-too"}))),
        denied(Case::get("member lists users", "/api/v1/users")),
        denied(Case::post(
            "member creates a token for someone else",
            "/api/v1/tokens",
            &json!({"name": "theirs", "user_id": NOBODY}),
        )),
    ]
}

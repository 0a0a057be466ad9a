use chatmesh_core::{Uuid, Violations, page};
use chatmesh_proto::identity::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::domain::TokenId;
use crate::state::State;

const SCOPE: &str = "tokens";

/// Lists the caller's tokens, oldest first.
pub(super) async fn list_tokens(
    state: &State,
    caller: Caller,
    request: pb::ListTokensRequest,
) -> Result<pb::ListTokensResponse, Error> {
    let me = caller.require_user()?;
    let mut violations = Violations::new();
    let size = violations.check("page_size", page::size(request.page_size));
    let after = violations.check("page_token", page::cursor::<Uuid>(SCOPE, &request.page_token));
    let (size, after) = violations.finish(size.zip(after))?;

    let tokens = state.store.list_tokens(me, after.map(TokenId), size + 1).await?;
    let (tokens, next_page_token) = page::cut(tokens, size, SCOPE, |token| token.id.0);
    Ok(pb::ListTokensResponse { tokens: tokens.into_iter().map(Into::into).collect(), next_page_token })
}

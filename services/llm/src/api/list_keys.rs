use chatmesh_core::{Uuid, Violations, page};
use chatmesh_proto::llm::v1 as pb;
use chatmesh_rpc::Caller;

use super::find_provider;
use crate::Error;
use crate::domain::KeyId;
use crate::state::State;
use crate::store::KeyFilter;

/// Lists the caller's own keys; for administrators the central ones too.
pub(super) async fn list_keys(
    state: &State,
    caller: Caller,
    request: pb::ListKeysRequest,
) -> Result<pb::ListKeysResponse, Error> {
    let scope = format!("keys/{}", request.provider);
    let mut violations = Violations::new();
    let size = violations.check("page_size", page::size(request.page_size));
    let after = violations.check("page_token", page::cursor::<Uuid>(&scope, &request.page_token));
    let (size, after) = violations.finish(size.zip(after))?;
    let provider = match request.provider.as_str() {
        "" => None,
        name => Some(find_provider(state, name).await?.id),
    };
    let filter = KeyFilter {
        central: caller.require_admin().is_ok(),
        user: caller.user_and_role().map(|(user, _)| user),
        provider,
    };
    let keys = state.keys.list_keys(filter, after.map(KeyId), size + 1).await?;
    let (keys, next_page_token) = page::cut(keys, size, &scope, |key| key.id.0);
    Ok(pb::ListKeysResponse { keys: keys.into_iter().map(Into::into).collect(), next_page_token })
}

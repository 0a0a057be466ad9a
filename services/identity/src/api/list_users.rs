use chatmesh_core::{Uuid, Violations, page};
use chatmesh_proto::identity::v1 as pb;
use chatmesh_rpc::{Caller, UserId};

use crate::Error;
use crate::state::State;

const SCOPE: &str = "users";

/// Lists users, oldest first.
pub(super) async fn list_users(
    state: &State,
    caller: Caller,
    request: pb::ListUsersRequest,
) -> Result<pb::ListUsersResponse, Error> {
    caller.require_admin()?;
    let mut violations = Violations::new();
    let size = violations.check("page_size", page::size(request.page_size));
    let after = violations.check("page_token", page::cursor::<Uuid>(SCOPE, &request.page_token));
    let (size, after) = violations.finish(size.zip(after))?;

    let users = state.store.list_users(after.map(UserId), size + 1).await?;
    let (users, next_page_token) = page::cut(users, size, SCOPE, |user| user.id.0);
    Ok(pb::ListUsersResponse { users: users.into_iter().map(Into::into).collect(), next_page_token })
}

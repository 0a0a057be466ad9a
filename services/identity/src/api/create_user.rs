use chatmesh_core::Violations;
use chatmesh_proto::identity::v1 as pb;
use chatmesh_rpc::{Caller, UserId};

use crate::domain::{User, check_user_name};
use crate::state::State;
use crate::store::Inserted;
use crate::{Error, convert};

/// Creates a user.
pub(super) async fn create_user(
    state: &State,
    caller: Caller,
    request: pb::CreateUserRequest,
) -> Result<pb::CreateUserResponse, Error> {
    caller.require_admin()?;
    let mut violations = Violations::new();
    check_user_name(&request.name, &mut violations);
    let role = convert::role(request.role, &mut violations);
    let request_id = violations.optional_id("request_id", &request.request_id);
    violations.finish(Some(()))?;

    let user = User { id: UserId(state.ids.next()), name: request.name, role, created_at: state.clock.now() };
    let user = match state.store.insert_user(&user, request_id).await? {
        Inserted::Created => user,
        Inserted::Repeated(earlier) => earlier,
        Inserted::NameTaken => return Err(Error::UserExists(user.name)),
    };
    Ok(pb::CreateUserResponse { user: Some(user.into()) })
}

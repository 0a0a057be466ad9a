use chatmesh_core::{ExposeSecret as _, Violations};
use chatmesh_proto::identity::v1 as pb;
use chatmesh_rpc::{Caller, UserId};

use crate::domain::{NewToken, Token, TokenId, TokenSecret, check_token_name};
use crate::state::State;
use crate::{Error, convert};

/// Creates a token, for the caller or, by an administrator, for anyone.
pub(super) async fn create_token(
    state: &State,
    caller: Caller,
    request: pb::CreateTokenRequest,
) -> Result<pb::CreateTokenResponse, Error> {
    let me = caller.require_user()?;
    let now = state.clock.now();
    let mut violations = Violations::new();
    check_token_name(&request.name, &mut violations);
    let expires_at = convert::expire_time(request.expire_time, now, &mut violations);
    let user_id = match request.user_id.as_str() {
        "" => Some(me),
        id => violations.check("user_id", id.parse::<UserId>()),
    };
    let user_id = violations.finish(user_id)?;
    if user_id != me {
        caller.require_admin()?;
        let user = state.store.get_user(user_id).await?;
        user.ok_or_else(|| Error::NotFound { kind: "user", id: user_id.to_string() })?;
    }

    let secret = TokenSecret::generate();
    let digest = TokenSecret::digest(secret.secret().expose_secret());
    let token = Token { id: TokenId(state.ids.next()), user_id, name: request.name, created_at: now, expires_at };
    state.store.insert_token(&NewToken { token: token.clone(), digest }).await?;
    let secret = secret.secret().expose_secret().to_owned();
    Ok(pb::CreateTokenResponse { token: Some(token.into()), secret })
}

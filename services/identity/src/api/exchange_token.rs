use chatmesh_proto::identity::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::domain::TokenSecret;
use crate::state::State;

/// Exchanges a token's secret for an assertion. For the gateway.
pub(super) async fn exchange_token(
    state: &State,
    caller: Caller,
    request: pb::ExchangeTokenRequest,
) -> Result<pb::ExchangeTokenResponse, Error> {
    caller.require_service()?;
    let digest = TokenSecret::digest(&request.secret);
    let user = state.store.find_user_by_token(&digest, state.clock.now()).await?.ok_or(Error::InvalidToken)?;
    let (assertion, expires_at) = state.signer.sign(user.id, user.role)?;
    let expire_time = pbjson_types::Timestamp { seconds: expires_at, nanos: 0 };
    Ok(pb::ExchangeTokenResponse { assertion, expire_time: Some(expire_time) })
}

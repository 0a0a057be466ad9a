//! The service: what it stands on and how it is set up.

use std::sync::Arc;

use chatmesh_core::SecretString;
use chatmesh_db::{Migrations, migrations};
use chatmesh_host::Deps;
use chatmesh_proto::identity::v1::identity_service_server::{IdentityServiceServer, SERVICE_NAME};
use chatmesh_rpc::{Role, UserId};

use crate::Error;
use crate::api::Api;
use crate::domain::{NewToken, Token, TokenId, TokenSecret, User};
use crate::signing::SigningKey;
use crate::state::State;
use crate::store::{IdentityStore, Inserted, SqlIdentityStore};

/// The schema of the service.
pub const MIGRATIONS: Migrations = migrations!("identity", [1 => "0001_users_and_tokens"]);

/// The administrator who is there from the start.
const FIRST_ADMIN: &str = "admin";

/// The service.
#[derive(Debug, Clone)]
pub struct Service {
    state: Arc<State>,
}

impl Service {
    /// Sets the service up on a database whose schema is up to date; makes the signing key on the first start.
    ///
    /// # Errors
    /// The database fails.
    pub async fn build(deps: Deps) -> Result<Self, Error> {
        let store: Arc<dyn IdentityStore> = Arc::new(SqlIdentityStore::new(deps.db));
        let candidate = SigningKey::generate(&*deps.ids, &*deps.clock)?;
        let keys = store.ensure_signing_key(&candidate).await?;
        let newest = keys.first().unwrap_or(&candidate);
        let signer = newest.signer(Arc::clone(&deps.clock));
        let state = State { store, clock: deps.clock, ids: deps.ids, signer, keys };
        Ok(Self { state: Arc::new(state) })
    }

    /// Makes sure that there is an administrator and that `secret` is a token of theirs.
    ///
    /// # Errors
    /// The database fails.
    pub async fn ensure_admin(&self, secret: &SecretString) -> Result<UserId, Error> {
        let state = &self.state;
        let digest = TokenSecret::digest(chatmesh_core::ExposeSecret::expose_secret(secret));
        if let Some(user) = state.store.find_user_by_token(&digest, state.clock.now()).await? {
            return Ok(user.id);
        }
        let user = self.first_admin().await?;
        let token = Token {
            id: TokenId(state.ids.next()),
            user_id: user,
            name: "first administrator".to_owned(),
            created_at: state.clock.now(),
            expires_at: None,
        };
        match state.store.insert_token(&NewToken { token, digest }).await {
            // Another replica was faster.
            Err(error) if error.is_unique_violation() => Ok(user),
            other => other.map(|()| user).map_err(Error::from),
        }
    }

    async fn first_admin(&self) -> Result<UserId, Error> {
        let state = &self.state;
        let admin = User {
            id: UserId(state.ids.next()),
            name: FIRST_ADMIN.to_owned(),
            role: Role::Admin,
            created_at: state.clock.now(),
        };
        match state.store.insert_user(&admin, None).await? {
            Inserted::Created => Ok(admin.id),
            Inserted::Repeated(user) => Ok(user.id),
            Inserted::NameTaken => {
                let user = state.store.find_user_by_name(FIRST_ADMIN).await?;
                user.map(|user| user.id).ok_or(Error::UserExists(FIRST_ADMIN.to_owned()))
            }
        }
    }
}

impl chatmesh_host::Service for Service {
    fn name(&self) -> &'static str {
        "identity"
    }

    fn grpc_names(&self) -> &'static [&'static str] {
        &[SERVICE_NAME]
    }

    fn routes(&self) -> tonic::service::Routes {
        let api = Api::new(Arc::clone(&self.state));
        tonic::service::Routes::new(IdentityServiceServer::new(api))
    }

    fn start(&self) {}
}

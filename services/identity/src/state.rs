//! What the operations on users and tokens stand on.

use std::sync::Arc;

use chatmesh_core::{Clock, IdSource};
use chatmesh_rpc::assertion::UserSigner;

use crate::signing::SigningKey;
use crate::store::IdentityStore;

/// What the operations work with.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) store: Arc<dyn IdentityStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) signer: UserSigner,
    pub(crate) keys: Vec<SigningKey>,
}

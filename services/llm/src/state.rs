//! What the operations on providers and models stand on.

use std::sync::Arc;

use chatmesh_core::{Clock, IdSource};

use crate::client::ProviderClient;
use crate::sealed::Sealer;
use crate::store::LlmStore;

/// What the operations work with.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) store: Arc<dyn LlmStore>,
    pub(crate) sealer: Sealer,
    pub(crate) client: ProviderClient,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

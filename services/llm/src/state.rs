//! What the operations stand on.

use std::sync::Arc;

use chatmesh_core::{Clock, IdSource};
use chatmesh_runtime::Tasks;
use chatmesh_seal::Sealer;

use crate::client::ProviderClient;
use crate::config::Config;
use crate::metrics::LlmMetrics;
use crate::route::Router;
use crate::spend::ledger::Ledger;
use crate::spend::limits::Limits;
use crate::store::{KeyStore, LedgerStore, LlmStore};

/// What the operations work with.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) store: Arc<dyn LlmStore>,
    pub(crate) keys: Arc<dyn KeyStore>,
    pub(crate) usage: Arc<dyn LedgerStore>,
    pub(crate) sealer: Sealer,
    pub(crate) client: ProviderClient,
    pub(crate) router: Router,
    pub(crate) limits: Limits,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) metrics: LlmMetrics,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) tasks: Tasks,
}

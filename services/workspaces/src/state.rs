//! What the operations on workspaces stand on.

use std::sync::Arc;

use chatmesh_core::{Clock, IdSource};
use chatmesh_runtime::Tasks;

use crate::WorkspaceMetrics;
use crate::domain::Quota;
use crate::hints::Hints;
use crate::store::WorkspaceStore;

/// What the operations work with.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) store: Arc<dyn WorkspaceStore>,
    pub(crate) hints: Hints,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) tasks: Tasks,
    pub(crate) metrics: WorkspaceMetrics,
    /// What there is for whom.
    pub(crate) quota: Arc<Quota>,
}

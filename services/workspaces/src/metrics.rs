//! What the service counts.

use chatmesh_proto::workspaces::v1::ActivityReason;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The metrics of the service, `chatmesh_workspaces_*`; clones share them.
#[derive(Debug, Clone)]
pub struct WorkspaceMetrics {
    activity_bumps: Family<Labels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    reason: &'static str,
}

impl WorkspaceMetrics {
    /// Registers the metrics. One per process.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self { activity_bumps: Family::default() };
        let workspaces = registry.sub_registry_with_prefix("chatmesh_workspaces");
        let help = "Workspaces that are stopped later because they are used, by how they are";
        workspaces.register("activity_bumps", help, metrics.activity_bumps.clone());
        metrics
    }

    /// A workspace is stopped later.
    pub(crate) fn bumped(&self, reason: ActivityReason) {
        let reason = match reason {
            ActivityReason::Connection => "connection",
            ActivityReason::Chat => "chat",
            ActivityReason::Interactive => "interactive",
            ActivityReason::Terminal => "terminal",
            ActivityReason::PortForward => "port_forward",
            ActivityReason::Repository => "repository",
            ActivityReason::Unspecified => "unknown",
        };
        self.activity_bumps.get_or_create(&Labels { reason }).inc();
    }
}

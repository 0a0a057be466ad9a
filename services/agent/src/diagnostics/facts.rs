//! What the agent knows of itself.

use std::ffi::OsString;

use chatmesh_core::{Clock as _, SystemClock, Timestamp, Uuid};
use chatmesh_proto::agent::v1 as pb;
use tokio::time::Instant;

use super::{VERSION, network, proxy, system};
use crate::port::Forwards;
use crate::process::Manager;
use crate::terminal::Terminals;

/// Where the facts come from; clones have the same sources.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(super) instance: Uuid,
    start_time: Timestamp,
    started: Instant,
    proxies: Vec<pb::ProxySetting>,
    processes: Manager,
    terminals: Terminals,
    forwards: Forwards,
}

impl Facts {
    /// The facts about an agent that starts now, with this environment.
    pub(crate) fn new(
        instance: Uuid,
        environment: &[(OsString, OsString)],
        processes: Manager,
        terminals: Terminals,
        forwards: Forwards,
    ) -> Self {
        let (start_time, started) = (SystemClock.now(), Instant::now());
        let proxies = proxy::settings(environment);
        Self { instance, start_time, started, proxies, processes, terminals, forwards }
    }

    /// Collects the facts. Blocks.
    pub(super) fn collect(&self) -> pb::GetFactsResponse {
        let count = |count| u32::try_from(count).unwrap_or(u32::MAX);
        let agent = pb::AgentFacts {
            version: VERSION.to_owned(),
            instance_id: self.instance.to_string(),
            start_time: Some(self.start_time.into()),
            uptime_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            resident_bytes: system::resident_bytes(),
            running_processes: count(self.processes.running()),
            open_terminals: count(self.terminals.count()),
            open_forwards: count(self.forwards.count()),
        };
        pb::GetFactsResponse {
            agent: Some(agent),
            system: Some(system::facts()),
            interfaces: network::interfaces(),
            proxies: self.proxies.clone(),
        }
    }
}

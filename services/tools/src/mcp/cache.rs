//! Tools that were found lately.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use super::Found;

/// How many bytes of definitions are remembered; the least used go first.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// How many agents without servers are remembered.
const MAX_WITHOUT: u64 = 20_000;
/// How long tools are good for: until then nobody is asked, and a server that is new is not seen. Where one
/// is gone, a call says so.
const KEPT: Duration = Duration::from_secs(60);

/// The tools of agents. Only what is whole and not empty is remembered: a list that is empty or in the making
/// would hide the tools that come. That a workspace has no servers is remembered apart, for those who would go on
/// looking for some.
#[derive(Debug, Clone)]
pub(crate) struct Discovered {
    found: Cache<String, Arc<Found>>,
    without: Cache<String, ()>,
}

impl Default for Discovered {
    fn default() -> Self {
        let weigh = |id: &String, found: &Arc<Found>| u32::try_from(id.len() + found.size()).unwrap_or(u32::MAX);
        Self {
            found: Cache::builder().max_capacity(MAX_BYTES).weigher(weigh).time_to_live(KEPT).build(),
            without: Cache::builder().max_capacity(MAX_WITHOUT).time_to_live(KEPT).build(),
        }
    }
}

impl Discovered {
    pub(super) fn get(&self, agent: &str) -> Option<Found> {
        self.found.get(agent).map(|found| Found::clone(&found))
    }

    /// What the server calls a tool that is offered under `alias`.
    pub(super) fn original(&self, agent: &str, alias: &str) -> Option<String> {
        self.found.get(agent)?.originals.get(alias).cloned()
    }

    pub(super) fn keep(&self, agent: &str, found: &Found) {
        if found.is_complete && !found.tools.is_empty() {
            self.without.invalidate(agent);
            self.found.insert(agent.to_owned(), Arc::new(found.clone()));
        }
    }

    /// The agent said that there are none, long after its servers should have come.
    pub(super) fn keep_none(&self, agent: &str) {
        self.without.insert(agent.to_owned(), ());
    }

    /// True where the agent said so lately.
    pub(super) fn has_none(&self, agent: &str) -> bool {
        self.without.contains_key(agent)
    }

    pub(super) fn forget(&self, agent: &str) {
        self.found.invalidate(agent);
        self.without.invalidate(agent);
    }
}

#[cfg(test)]
mod tests {
    use chatmesh_proto::common::v1::ToolDefinition;

    use super::*;

    /// G15, G16: what is empty, or not whole, is not remembered as if it were all.
    #[test]
    fn only_what_is_whole_and_not_empty_is_remembered() {
        let tool = ToolDefinition { name: "a__b".to_owned(), ..ToolDefinition::default() };
        for (tools, is_complete, is_kept) in [
            (vec![], true, false),
            (vec![], false, false),
            (vec![tool.clone()], false, false),
            (vec![tool], true, true),
        ] {
            let discovered = Discovered::default();
            discovered.keep("agent", &Found { tools, is_complete, ..Found::default() });
            assert_eq!(discovered.get("agent").is_some(), is_kept);
            assert!(discovered.get("another").is_none());
            discovered.forget("agent");
            assert!(discovered.get("agent").is_none());
        }
    }
}

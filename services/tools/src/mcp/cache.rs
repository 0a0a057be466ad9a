//! Tools that were found lately.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_proto::common::v1::ToolDefinition;
use moka::sync::Cache;

use super::Found;

/// How many bytes of definitions are remembered; the least used go first.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// How long tools are good for: until then nobody is asked, and a server that is new is not seen. Where one
/// is gone, a call says so.
const KEPT: Duration = Duration::from_secs(60);

/// The tools of agents. Only what is whole and not empty is remembered: a list that is empty or in the making
/// would hide the tools that come.
#[derive(Debug, Clone)]
pub(crate) struct Discovered(Cache<String, Arc<[ToolDefinition]>>);

impl Default for Discovered {
    fn default() -> Self {
        let weigh = |id: &String, tools: &Arc<[ToolDefinition]>| {
            let size = |tool: &ToolDefinition| tool.name.len() + tool.description.len() + tool.input_schema.len();
            u32::try_from(id.len() + tools.iter().map(size).sum::<usize>()).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().max_capacity(MAX_BYTES).weigher(weigh).time_to_live(KEPT).build())
    }
}

impl Discovered {
    pub(super) fn get(&self, agent: &str) -> Option<Found> {
        self.0.get(agent).map(|tools| Found { tools: tools.to_vec(), is_complete: true })
    }

    pub(super) fn keep(&self, agent: &str, found: &Found) {
        if found.is_complete && !found.tools.is_empty() {
            self.0.insert(agent.to_owned(), found.tools.as_slice().into());
        }
    }

    pub(super) fn forget(&self, agent: &str) {
        self.0.invalidate(agent);
    }
}

#[cfg(test)]
mod tests {
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
            discovered.keep("agent", &Found { tools, is_complete });
            assert_eq!(discovered.get("agent").is_some(), is_kept);
            assert!(discovered.get("another").is_none());
            discovered.forget("agent");
            assert!(discovered.get("agent").is_none());
        }
    }
}

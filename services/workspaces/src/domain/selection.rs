//! Which agent of a workspace is the one that chats, their tools and their owner act through.
//!
//! There is no other place that decides this: whoever needs the agent of a workspace asks here.

use super::{Agent, AgentId};

/// The name of an agent that is for chats ends with this.
const CHAT_SUFFIX: &str = "-chat";

/// Why there is no agent to act through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotSelected {
    /// There is none that belongs to no other.
    None,
    /// There are several whose names end with `-chat`; these, in order.
    Ambiguous(Vec<String>),
}

/// Puts agents in the order in which they are shown and selected.
pub(crate) fn sort(agents: &mut [Agent]) {
    agents.sort_by_cached_key(place);
}

/// Selects among the agents of one build, whatever their order: the only one whose name ends with
/// `-chat`, else the first. Agents that belong to another one are never selected.
///
/// # Errors
/// There is none, or more than one is for chats.
pub(crate) fn select(agents: &[Agent]) -> Result<&Agent, NotSelected> {
    let mut roots: Vec<&Agent> = agents.iter().filter(|agent| agent.parent_id.is_none()).collect();
    roots.sort_by_cached_key(|agent| place(agent));
    let for_chats: Vec<&Agent> = roots.iter().copied().filter(|agent| is_for_chats(agent)).collect();
    match (for_chats.as_slice(), roots.first()) {
        ([only], _) => Ok(only),
        ([], Some(first)) => Ok(first),
        ([], None) => Err(NotSelected::None),
        (several, _) => Err(NotSelected::Ambiguous(several.iter().map(|agent| agent.name.clone()).collect())),
    }
}

/// The identifier is for those whose names differ in case alone.
fn place(agent: &Agent) -> (i32, String, AgentId) {
    (agent.display_order, agent.name.to_lowercase(), agent.id)
}

fn is_for_chats(agent: &Agent) -> bool {
    agent.name.to_lowercase().ends_with(CHAT_SUFFIX)
}

#[cfg(test)]
mod tests {
    use chatmesh_core::Uuid;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::agent::tests::agent;

    /// An agent with this identifier, place and name.
    fn root(id: u128, display_order: i32, name: &str) -> Agent {
        Agent { id: AgentId(Uuid::from_u128(id)), display_order, name: name.to_owned(), ..agent(None, None) }
    }

    fn sub(id: u128, display_order: i32, name: &str) -> Agent {
        Agent { parent_id: Some(AgentId(Uuid::from_u128(1))), ..root(id, display_order, name) }
    }

    fn selected(agents: &[Agent]) -> Result<u128, NotSelected> {
        select(agents).map(|agent| agent.id.0.as_u128())
    }

    /// C14: display order, the case of names and of the suffix, sub-agents, and what an ambiguity names.
    #[test]
    fn the_only_agent_for_chats_is_selected_or_else_the_first() {
        let ambiguous = |names: &[&str]| Err(NotSelected::Ambiguous(names.iter().map(|&name| name.into()).collect()));
        for (case, agents, expected) in [
            ("none", vec![], Err(NotSelected::None)),
            ("one", vec![root(1, 0, "main")], Ok(1)),
            ("the lower display order", vec![root(1, 2, "a"), root(2, 1, "b"), root(3, 3, "c")], Ok(2)),
            ("a negative display order", vec![root(1, 0, "a"), root(2, -1, "b")], Ok(2)),
            ("the name at equal display order", vec![root(1, 0, "b"), root(2, 0, "a")], Ok(2)),
            ("names whatever their case", vec![root(1, 0, "b"), root(2, 0, "A"), root(3, 0, "C")], Ok(2)),
            ("the identifier at equal names", vec![root(2, 0, "a"), root(1, 0, "A")], Ok(1)),
            ("the suffix before the order", vec![root(1, 0, "a"), root(2, 9, "z-chat")], Ok(2)),
            ("the suffix whatever its case", vec![root(1, 0, "a"), root(2, 9, "Z-ChAt")], Ok(2)),
            ("the suffix at the end only", vec![root(1, 0, "a"), root(2, 0, "b-chat-2"), root(3, 0, "chat")], Ok(1)),
            ("no sub-agent", vec![root(1, 5, "main"), sub(2, 0, "a")], Ok(1)),
            ("no sub-agent for chats", vec![root(1, 5, "main"), sub(2, 0, "box-chat")], Ok(1)),
            ("a sub-agent is no second one", vec![root(1, 5, "dev-chat"), sub(2, 0, "box-chat")], Ok(1)),
            ("sub-agents alone", vec![sub(2, 0, "main"), sub(3, 0, "box-chat")], Err(NotSelected::None)),
            (
                "several for chats",
                vec![root(1, 1, "z-chat"), root(2, 0, "m"), root(3, 1, "B-CHAT"), root(4, 0, "y-chat")],
                ambiguous(&["y-chat", "B-CHAT", "z-chat"]),
            ),
        ] {
            assert_eq!(selected(&agents), expected, "{case}");
        }
    }

    fn any_agents() -> impl Strategy<Value = Vec<Agent>> {
        let names = prop_oneof!["[a-cA-C]{1,2}", "[ab]-(chat|CHAT|Chat)"];
        let one = (0..3i32, names, any::<bool>());
        prop::collection::vec(one, 0..6).prop_map(|agents| {
            let agents = agents.into_iter().enumerate().map(|(index, (order, name, is_sub))| {
                let id = index as u128 + 10;
                if is_sub { sub(id, order, &name) } else { root(id, order, &name) }
            });
            agents.collect()
        })
    }

    proptest! {
        /// C14: what is selected does not depend on the order in which agents are read, and is no sub-agent.
        #[test]
        fn the_order_of_agents_does_not_matter_and_no_sub_agent_is_selected(
            (agents, shuffled) in any_agents().prop_flat_map(|agents| {
                (Just(agents.clone()), Just(agents).prop_shuffle())
            }),
        ) {
            prop_assert_eq!(selected(&agents), selected(&shuffled));
            if let Ok(agent) = select(&agents) {
                prop_assert_eq!(agent.parent_id, None);
            }
            let (mut one, mut other) = (agents, shuffled);
            sort(&mut one);
            sort(&mut other);
            prop_assert_eq!(one, other);
        }
    }
}

//! Which agent a workspace had at the last call.

use std::time::Duration;

use chatmesh_rpc::{Caller, UserId};
use moka::sync::Cache;

/// How many are remembered; the least used go first.
const MAX_BINDINGS: u64 = 20_000;
/// How long one is good for. Whoever may use a workspace no longer is found out by then.
const KEPT: Duration = Duration::from_secs(60);

/// The agents of workspaces, by the user who was found to own the workspace. They may be wrong at
/// any time: an agent of an old build is not connected, and then the workspace is asked.
#[derive(Debug, Clone)]
pub(crate) struct Bindings(Cache<(UserId, String), String>);

impl Default for Bindings {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MAX_BINDINGS).time_to_live(KEPT).build())
    }
}

impl Bindings {
    /// The agent that this user reached in this workspace.
    pub(super) fn get(&self, caller: &Caller, workspace_id: &str) -> Option<String> {
        let (user, _) = caller.user_and_role()?;
        self.0.get(&(user, workspace_id.to_owned()))
    }

    /// Remembers an agent. Calls without a user are not remembered.
    pub(super) fn put(&self, caller: &Caller, workspace_id: &str, agent_id: String) {
        if let Some((user, _)) = caller.user_and_role() {
            self.0.insert((user, workspace_id.to_owned()), agent_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use chatmesh_core::Uuid;
    use chatmesh_rpc::Role;

    use super::*;

    fn of(user: u128) -> Caller {
        Caller::service("chat", Some((UserId(Uuid::from_u128(user)), Role::Member)))
    }

    /// C07: what is remembered is of one workspace and of one user, and replaced as a whole.
    #[test]
    fn c07_a_binding_is_of_one_workspace_and_one_user() {
        let bindings = Bindings::default();
        bindings.put(&of(1), "w1", "a1".to_owned());
        assert_eq!(bindings.get(&of(1), "w1").as_deref(), Some("a1"));
        assert_eq!(bindings.get(&of(1), "w2"), None, "another workspace");
        assert_eq!(bindings.get(&of(2), "w1"), None, "a user who was not found to own it");
        bindings.put(&of(1), "w1", "a2".to_owned());
        assert_eq!(bindings.get(&of(1), "w1").as_deref(), Some("a2"));
        bindings.put(&Caller::service("chat", None), "w3", "a3".to_owned());
        assert_eq!(bindings.get(&Caller::service("chat", None), "w3"), None);
    }
}

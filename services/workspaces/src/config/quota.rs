//! How many credits there are for whom, in the configuration.

use std::collections::{HashMap, HashSet};

use chatmesh_rpc::UserId;
use serde::Deserialize;

use crate::domain::Quota;

/// What the workspaces of a user may take together: the credits that there are for everybody, and those of each group
/// that the user is in. What a workspace takes, its template says. Without credits for everybody, users who are in no
/// group have no bound.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuotaConfig {
    /// The credits that there are for every user.
    pub credits: Option<u32>,
    /// The groups.
    pub groups: Vec<GroupConfig>,
}

/// Users with credits of their own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupConfig {
    /// Names the group.
    pub name: String,
    /// The credits that there are for each of its users.
    pub credits: u32,
    /// The identifiers of its users.
    pub members: Vec<String>,
}

impl QuotaConfig {
    /// Checks the groups.
    pub(super) fn validate(&self) -> Result<(), String> {
        let mut names = HashSet::new();
        for (index, group) in self.groups.iter().enumerate() {
            let place = format!("workspaces.quota.groups[{index}]");
            if group.name.trim().is_empty() {
                return Err(format!("{place}.name: must not be empty"));
            }
            if !names.insert(&group.name) {
                return Err(format!("{place}.name: another group is named `{}`", group.name));
            }
            for (member, user) in group.members.iter().enumerate() {
                let known = user.parse::<UserId>();
                known.map_err(|error| format!("{place}.members[{member}]: `{user}` {error}"))?;
            }
        }
        Ok(())
    }

    /// What there is for whom.
    pub(crate) fn quota(&self) -> Quota {
        let mut members: HashMap<UserId, u32> = HashMap::new();
        for group in &self.groups {
            // Who is named twice in a group is in it once.
            let users: HashSet<UserId> = group.members.iter().filter_map(|user| user.parse().ok()).collect();
            for user in users {
                let credits = members.entry(user).or_default();
                *credits = credits.saturating_add(group.credits);
            }
        }
        Quota { everybody: self.credits, members }
    }
}

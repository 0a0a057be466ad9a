//! How many credits the workspaces of a user may take together.

use std::collections::HashMap;

use chatmesh_rpc::UserId;

use super::{ErrorCode, Failure, PREBUILD_OWNER};

/// What there is for whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quota {
    /// For every user; `None` for no bound, unless they are in a group.
    pub everybody: Option<u32>,
    /// For the users of groups, added up over their groups.
    pub members: HashMap<UserId, u32>,
}

impl Quota {
    /// The credits that there are for a user: for everybody, and for each of their groups. `None` for no bound.
    #[must_use]
    pub fn budget(&self, user: UserId) -> Option<u32> {
        // What is made in advance is bounded by what templates ask for.
        if user == PREBUILD_OWNER {
            return None;
        }
        match (self.everybody, self.members.get(&user)) {
            (None, None) => None,
            (everybody, member) => {
                Some(everybody.unwrap_or_default().saturating_add(member.copied().unwrap_or_default()))
            }
        }
    }
}

/// Checks whether `cost` more fits beside what is `consumed`.
pub(crate) fn check_budget(budget: u32, consumed: u32, cost: u32) -> Result<(), Failure> {
    let total = u64::from(consumed) + u64::from(cost);
    if total <= u64::from(budget) {
        return Ok(());
    }
    let message = format!(
        "it takes {cost} credits, and the owner's other workspaces take {consumed} of {budget}: stop or delete one of \
         them, or ask an administrator for more credits"
    );
    Err(Failure::of(ErrorCode::InsufficientQuota, message))
}

#[cfg(test)]
mod tests {
    use chatmesh_core::Uuid;

    use super::*;

    #[test]
    fn the_budget_is_what_there_is_for_everybody_and_for_each_group() {
        let (in_group, alone) = (UserId(Uuid::from_u128(1)), UserId(Uuid::from_u128(2)));
        let members = HashMap::from([(in_group, 7)]);
        for (everybody, expected) in
            [(None, (Some(7), None)), (Some(5), (Some(12), Some(5))), (Some(0), (Some(7), Some(0)))]
        {
            let quota = Quota { everybody, members: members.clone() };
            assert_eq!((quota.budget(in_group), quota.budget(alone)), expected, "{everybody:?}");
        }
        let most = Quota { everybody: Some(u32::MAX), members };
        assert_eq!(most.budget(in_group), Some(u32::MAX));
        assert_eq!(most.budget(PREBUILD_OWNER), None, "what nobody has claimed is not bounded");
    }

    #[test]
    fn what_fits_exactly_is_not_too_much() {
        assert_eq!(check_budget(10, 6, 4), Ok(()));
        let failure = check_budget(10, 6, 5).expect_err("too much");
        assert_eq!(failure.code, Some(ErrorCode::InsufficientQuota));
        assert!(failure.message.contains("6 of 10"), "{}", failure.message);
        assert!(check_budget(u32::MAX, u32::MAX, u32::MAX).is_err(), "it is added up without a wrap");
        assert_eq!(check_budget(0, 0, 0), Ok(()));
    }
}

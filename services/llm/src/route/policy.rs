//! Whose key a call is made with, as a pure function of the policy and of what there is.

use crate::domain::KeyPolicy;

/// Which keys there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Available {
    /// The user has one.
    pub(crate) user: bool,
    /// The deployment has one.
    pub(crate) central: bool,
    /// The provider is a server that may do without.
    pub(crate) keyless: bool,
}

/// Whose key is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The user's.
    User,
    /// The deployment's.
    Central,
    /// Nobody's: the provider is called without.
    Nobody,
}

/// There is no usable key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The user has to bring one.
    UserKeyRequired,
    /// An administrator has to.
    NoKey,
}

/// Decides whose key is used: the user's own one first, then a central one where users may have
/// none or may fall back to it.
pub(crate) fn whose(policy: KeyPolicy, available: Available) -> Result<Whose, Missing> {
    if policy.user && available.user {
        return Ok(Whose::User);
    }
    let is_central = policy.central && (!policy.user || policy.fallback);
    match is_central {
        true if available.central => Ok(Whose::Central),
        true if available.keyless => Ok(Whose::Nobody),
        _ if policy.user => Err(Missing::UserKeyRequired),
        _ => Err(Missing::NoKey),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_is_that_of_the_policy() {
        use Missing::{NoKey, UserKeyRequired};
        use Whose::{Central, Nobody, User};
        // central, user, fallback | user's key, central key, keyless
        let table = [
            ([true, false, false], [false, true, false], Ok(Central)),
            ([true, false, false], [true, true, false], Ok(Central)),
            ([true, false, false], [true, false, false], Err(NoKey)),
            ([true, false, false], [false, false, true], Ok(Nobody)),
            ([true, false, false], [false, true, true], Ok(Central)),
            ([true, true, false], [true, true, false], Ok(User)),
            ([true, true, false], [false, true, false], Err(UserKeyRequired)),
            ([true, true, false], [false, false, true], Err(UserKeyRequired)),
            ([true, true, true], [true, true, false], Ok(User)),
            ([true, true, true], [false, true, false], Ok(Central)),
            ([true, true, true], [false, false, false], Err(UserKeyRequired)),
            ([true, true, true], [false, false, true], Ok(Nobody)),
            ([false, true, false], [true, true, false], Ok(User)),
            ([false, true, false], [false, true, false], Err(UserKeyRequired)),
            ([false, true, false], [false, false, true], Err(UserKeyRequired)),
            ([false, false, false], [true, true, true], Err(NoKey)),
        ];
        for ([central, user, fallback], [users, centrals, keyless], expected) in table {
            let policy = KeyPolicy { central, user, fallback };
            let available = Available { user: users, central: centrals, keyless };
            assert_eq!(whose(policy, available), expected, "{policy:?} {available:?}");
        }
    }
}

//! Keys of providers, and whose are used.

use chatmesh_core::{Timestamp, Violations, typed_id};
use chatmesh_rpc::UserId;

use super::{ProviderId, check_api_key};

typed_id!(
    /// A key.
    KeyId
);

/// A key of a provider beside the provider's own one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The identifier.
    pub id: KeyId,
    /// What it opens.
    pub provider_id: ProviderId,
    /// The provider's name.
    pub provider: String,
    /// Whose it is; the deployment's where it is nobody's.
    pub user_id: Option<UserId>,
    /// What people call it.
    pub name: String,
    /// The secret, sealed.
    pub sealed_secret: Vec<u8>,
    /// The end of the secret.
    pub hint: String,
    /// Its share of the calls.
    pub weight: u32,
    /// False where it is not to be used.
    pub enabled: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Whose keys a provider is called with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPolicy {
    /// Those of the deployment.
    pub central: bool,
    /// Those of users.
    pub user: bool,
    /// Those of the deployment where a user has none.
    pub fallback: bool,
}

impl Default for KeyPolicy {
    fn default() -> Self {
        Self { central: true, user: false, fallback: false }
    }
}

const MAX_NAME: usize = 64;
const MAX_WEIGHT: u32 = 100;

/// How much of a secret is shown, and how long it must be for that.
const HINT_CHARS: usize = 4;
const MIN_HINTED: usize = 12;

/// The end of a secret, by which people know it again.
pub(crate) fn hint(secret: &str) -> String {
    match secret.len() {
        // Documents end with brackets, which tell nothing.
        0..MIN_HINTED => String::new(),
        _ if secret.starts_with('{') => String::new(),
        length => secret.get(length - HINT_CHARS..).unwrap_or_default().to_owned(),
    }
}

pub(crate) fn check_policy(policy: KeyPolicy, violations: &mut Violations) {
    violations.require(
        policy.central || policy.user,
        "key_policy.central_api_key_enabled",
        "must be true where users may have no keys: nobody could call the provider",
    );
    violations.require(
        !policy.fallback || (policy.central && policy.user),
        "key_policy.allow_central_api_key_fallback",
        "needs central_api_key_enabled and allow_user_api_key",
    );
}

pub(crate) fn check_key_name(name: &str, violations: &mut Violations) {
    let fits = name.chars().count() <= MAX_NAME && !name.chars().any(char::is_control);
    violations.require(fits, "name", "must be at most 64 characters without control characters");
}

pub(crate) fn check_secret(secret: &str, violations: &mut Violations) {
    if secret.is_empty() {
        violations.add("secret", "must be the key to call the provider with");
        return;
    }
    let mut own = Violations::new();
    check_api_key(secret, &mut own);
    for violation in own.iter() {
        violations.add("secret", &violation.description);
    }
}

pub(crate) fn check_weight(weight: u32, violations: &mut Violations) {
    violations.require((1..=MAX_WEIGHT).contains(&weight), "weight", "must be from 1 to 100");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_leaves_someone_to_call() {
        for (central, user, fallback, expected) in [
            (true, false, false, vec![]),
            (true, true, false, vec![]),
            (true, true, true, vec![]),
            (false, true, false, vec![]),
            (false, false, false, vec!["key_policy.central_api_key_enabled"]),
            (false, true, true, vec!["key_policy.allow_central_api_key_fallback"]),
            (true, false, true, vec!["key_policy.allow_central_api_key_fallback"]),
        ] {
            let mut violations = Violations::new();
            check_policy(KeyPolicy { central, user, fallback }, &mut violations);
            let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
            assert_eq!(fields, expected, "{central} {user} {fallback}");
        }
    }

    #[test]
    fn a_hint_is_short_and_of_long_secrets_only() {
        assert_eq!(hint("sk-ant-0123456789abcd"), "abcd");
        assert_eq!(hint("short"), "");
        assert_eq!(hint(r#"{"type":"service_account"}"#), "");
    }
}

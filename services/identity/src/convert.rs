//! Between the domain and the contract.

use chatmesh_core::{Timestamp, Violations};
use chatmesh_proto::identity::v1 as pb;
use chatmesh_rpc::Role;

use crate::domain::{Token, User};

impl From<User> for pb::User {
    fn from(user: User) -> Self {
        let role = match user.role {
            Role::Member => pb::UserRole::Member,
            Role::Admin => pb::UserRole::Admin,
        };
        Self { id: user.id.to_string(), name: user.name, role: role.into(), create_time: Some(user.created_at.into()) }
    }
}

impl From<Token> for pb::Token {
    fn from(token: Token) -> Self {
        Self {
            id: token.id.to_string(),
            user_id: token.user_id.to_string(),
            name: token.name,
            create_time: Some(token.created_at.into()),
            expire_time: token.expires_at.map(Into::into),
        }
    }
}

/// Reads a role; not set means a member.
pub(crate) fn role(role: i32, violations: &mut Violations) -> Role {
    match pb::UserRole::try_from(role) {
        Ok(pb::UserRole::Unspecified | pb::UserRole::Member) => Role::Member,
        Ok(pb::UserRole::Admin) => Role::Admin,
        Err(_) => {
            violations.add("role", "must be USER_ROLE_MEMBER or USER_ROLE_ADMIN");
            Role::Member
        }
    }
}

/// Reads a moment in the future.
pub(crate) fn expire_time(
    time: Option<pbjson_types::Timestamp>,
    now: Timestamp,
    violations: &mut Violations,
) -> Option<Timestamp> {
    let time = violations.check("expire_time", Timestamp::try_from(time?).map_err(|_| "must be a time"))?;
    violations.require(time > now, "expire_time", "must be in the future");
    Some(time)
}

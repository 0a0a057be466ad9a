//! Who calls.

use chatmesh_core::typed_id;

typed_id!(
    /// A user.
    UserId
);

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Uses chats and workspaces of their own.
    Member,
    /// Also administers the mesh.
    Admin,
}

/// A caller may not do this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The call needs a user and carries none.
    #[error("this call must be made for a user")]
    NoUser,
    /// The call is for administrators.
    #[error("only an administrator may do this: use the token of one, or ask one")]
    NotAdmin,
    /// The call is for the mesh's own services.
    #[error("only the services of the mesh may do this")]
    NotService,
}

/// Who calls, as checked from the assertion: a user, or a service, with or without a user for whom it acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    service: Option<String>,
    user: Option<(UserId, Role)>,
}

impl Caller {
    /// A user.
    #[must_use]
    pub fn user(id: UserId, role: Role) -> Self {
        Self { service: None, user: Some((id, role)) }
    }

    /// A service of the mesh that acts for `user`, or for nobody.
    #[must_use]
    pub fn service(name: impl Into<String>, user: Option<(UserId, Role)>) -> Self {
        Self { service: Some(name.into()), user }
    }

    /// The user who calls, or for whom a service calls.
    ///
    /// # Errors
    /// There is none.
    pub fn require_user(&self) -> Result<UserId, Denied> {
        self.user.map(|(id, _)| id).ok_or(Denied::NoUser)
    }

    /// The user together with the role.
    #[must_use]
    pub fn user_and_role(&self) -> Option<(UserId, Role)> {
        self.user
    }

    /// Lets administrators pass, and services that act for one or for nobody.
    ///
    /// # Errors
    /// The user is no administrator.
    pub fn require_admin(&self) -> Result<(), Denied> {
        match (&self.service, self.user) {
            (_, Some((_, Role::Admin))) | (Some(_), None) => Ok(()),
            _ => Err(Denied::NotAdmin),
        }
    }

    /// Lets services pass.
    ///
    /// # Errors
    /// A user calls.
    pub fn require_service(&self) -> Result<&str, Denied> {
        self.service.as_deref().ok_or(Denied::NotService)
    }

    /// True where the caller may see what `owner` owns: the owner, and services that act for
    /// the owner or for nobody.
    #[must_use]
    pub fn may_access(&self, owner: UserId) -> bool {
        match (&self.service, self.user) {
            (_, Some((user, _))) => user == owner,
            (Some(_), None) => true,
            (None, None) => false,
        }
    }
}

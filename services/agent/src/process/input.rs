//! What a caller asks to run.

use std::collections::BTreeMap;

use chatmesh_proto::agent::v1::StartProcessRequest;

use super::environment::RESERVED_PREFIX;
use super::error::Error;
use super::resources::ResourceLimits;
use crate::chat::ChatId;
use crate::receipts::{Digest, InputDigest, Key};

/// A command to start; valid in itself.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) command: String,
    /// Empty for the default.
    pub(super) workdir: String,
    pub(super) env: BTreeMap<String, String>,
    pub(super) background: bool,
    pub(super) limits: ResourceLimits,
    /// Empty for none.
    key: String,
}

impl Input {
    /// Names the effect, where the caller did.
    pub(super) fn key(&self, chat: Option<&ChatId>) -> Option<Key> {
        (!self.key.is_empty()).then(|| start_key(chat, &self.key))
    }

    /// Tells this input from every other one.
    pub(super) fn digest(&self) -> Digest {
        let digest = InputDigest::default()
            .field(self.command.as_bytes())
            .field(self.workdir.as_bytes())
            .field(&[u8::from(self.background)]);
        let fields = self.env.iter().flat_map(|(name, value)| [name, value]);
        let digest = fields.fold(digest, |digest, field| digest.field(field.as_bytes()));
        self.limits.add_to(digest).finish()
    }
}

impl TryFrom<StartProcessRequest> for Input {
    type Error = Error;

    fn try_from(request: StartProcessRequest) -> Result<Self, Error> {
        let invalid = |message: &str| Err(Error::Invalid(message.to_owned()));
        if request.command.trim().is_empty() {
            return invalid("`command` must not be blank");
        }
        if request.command.contains('\0') {
            return invalid("`command` must not contain NUL");
        }
        if !request.workdir.is_empty() && !request.workdir.starts_with('/') {
            return invalid("`workdir` must be an absolute path");
        }
        if request.workdir.contains('\0') {
            return invalid("`workdir` must not contain NUL");
        }
        check_key(&request.idempotency_key)?;
        for (name, value) in &request.env {
            check_variable(name, value)?;
        }
        Ok(Self {
            command: request.command,
            workdir: request.workdir,
            env: request.env.into_iter().collect(),
            background: request.background,
            limits: request.limits.map(ResourceLimits::try_from).transpose()?.unwrap_or_default(),
            key: request.idempotency_key,
        })
    }
}

/// The key of a start that was given up, which must have one.
pub(super) fn canceled_key(chat: Option<&ChatId>, name: &str) -> Result<Key, Error> {
    if name.is_empty() {
        return Err(Error::Invalid("`idempotency_key` must be set".to_owned()));
    }
    check_key(name)?;
    Ok(start_key(chat, name))
}

fn start_key(chat: Option<&ChatId>, name: &str) -> Key {
    Key::new("StartProcess", chat, name)
}

fn check_key(name: &str) -> Result<(), Error> {
    if name.len() > Key::MAX_LENGTH {
        return Err(Error::Invalid(format!("`idempotency_key` must have {} bytes at most", Key::MAX_LENGTH)));
    }
    Ok(())
}

/// Says whether a caller may set this variable.
///
/// # Errors
/// It is no variable, or the mesh's own.
pub(crate) fn check_variable(name: &str, value: &str) -> Result<(), Error> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(Error::Invalid(format!("`env`: {name:?} is not a name of a variable")));
    }
    if name.starts_with(RESERVED_PREFIX) {
        return Err(Error::Invalid(format!("`env`: `{name}` is reserved, like all names that begin with `CHATMESH_`")));
    }
    if value.contains('\0') {
        return Err(Error::Invalid(format!("`env`: the value of `{name}` must not contain NUL")));
    }
    Ok(())
}

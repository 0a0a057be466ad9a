//! What a viewer sends.

use std::collections::BTreeMap;

use bytes::Bytes;
use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::attach_terminal_request::Body;
use prost::Message as _;
use uuid::Uuid;

use super::error::Error;
use crate::process::check_variable;

/// The longest first message, encoded.
pub(super) const MAX_HEADER: usize = 64 * 1024;
/// The most input in a message.
pub(super) const MAX_DATA: usize = 64 * 1024;
/// The most rows, and the most columns.
const MAX_SIDE: u16 = 1000;

/// A size in characters; both are 1 to 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) rows: u16,
    pub(super) cols: u16,
}

impl Default for Size {
    fn default() -> Self {
        Self { rows: 24, cols: 80 }
    }
}

impl TryFrom<pb::TerminalSize> for Size {
    type Error = Error;

    fn try_from(size: pb::TerminalSize) -> Result<Self, Error> {
        let side = |name: &str, value: u32| {
            let valid = u16::try_from(value).ok().filter(|value| (1..=MAX_SIDE).contains(value));
            valid.ok_or_else(|| Error::Invalid(format!("`{name}` must be 1 to {MAX_SIDE}, not {value}")))
        };
        Ok(Self { rows: side("rows", size.rows)?, cols: side("cols", size.cols)? })
    }
}

impl From<Size> for pb::TerminalSize {
    fn from(size: Size) -> Self {
        Self { rows: size.rows.into(), cols: size.cols.into() }
    }
}

/// Which terminal a viewer wants; valid in itself.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    pub(super) id: Uuid,
    pub(super) size: Option<Size>,
    /// Empty for the login shell.
    pub(super) command: String,
    /// Empty for the default.
    pub(super) workdir: String,
    pub(super) env: BTreeMap<String, String>,
    pub(super) existing_only: bool,
}

impl Opening {
    /// Reads the first message of a viewer.
    pub(super) fn read(message: pb::AttachTerminalRequest) -> Result<Self, Error> {
        let invalid = |message: &str| Err(Error::Invalid(message.to_owned()));
        let length = message.encoded_len();
        let Some(Body::Header(header)) = message.body else {
            return invalid("the first message must have a header");
        };
        if length > MAX_HEADER {
            return Err(Error::Invalid(format!("the first message has {length} bytes, more than {MAX_HEADER}")));
        }
        if header.command.contains('\0') {
            return invalid("`command` must not contain NUL");
        }
        if !header.workdir.is_empty() && !header.workdir.starts_with('/') {
            return invalid("`workdir` must be an absolute path");
        }
        if header.workdir.contains('\0') {
            return invalid("`workdir` must not contain NUL");
        }
        for (name, value) in &header.env {
            check_variable(name, value).map_err(|error| Error::Invalid(error.to_string()))?;
        }
        Ok(Self {
            id: terminal_id(&header.terminal_id)?,
            size: header.size.map(Size::try_from).transpose()?,
            command: header.command.trim().to_owned(),
            workdir: header.workdir,
            env: header.env.into_iter().collect(),
            existing_only: header.existing_only,
        })
    }
}

/// Reads the id of a terminal.
pub(super) fn terminal_id(text: &str) -> Result<Uuid, Error> {
    Uuid::try_parse(text).map_err(|_| Error::Invalid("`terminal_id` must be a UUID".to_owned()))
}

/// What a viewer does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    Type(Bytes),
    Resize(Size),
}

impl Action {
    /// Reads a message of a viewer after the first.
    pub(super) fn read(message: pb::AttachTerminalRequest) -> Result<Self, Error> {
        match message.body {
            Some(Body::Data(data)) if data.len() <= MAX_DATA => Ok(Self::Type(data)),
            Some(Body::Data(data)) => {
                Err(Error::Invalid(format!("a message has {} bytes of data, more than {MAX_DATA}", data.len())))
            }
            Some(Body::Resize(size)) => Ok(Self::Resize(size.try_into()?)),
            Some(Body::Header(_)) | None => {
                Err(Error::Invalid("every message after the first must have data or a size".to_owned()))
            }
        }
    }
}

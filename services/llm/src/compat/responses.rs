//! OpenAI Responses, as its SDKs speak it. Nothing is kept: every call holds its whole
//! conversation, and answers say that they are not stored.

mod echo;
mod history;
mod items;
mod request;
mod stream;

pub(super) use self::items::OWN;
pub(super) use self::request::parse;
pub(super) use self::stream::{Stream, whole};

//! What the workspace tells a model: instruction files and skills.
//!
//! Everything is read when it is asked for, so nothing goes stale here; what is remembered between
//! turns is the caller's business. Whoever writes into the workspace can write these files, and so
//! they are bounded, cleaned, and never lead to a file that is none of the workspace's own.

mod addition_error;
mod additions;
mod api;
mod bounds;
mod error;
mod instructions;
mod settings;
mod skill_files;
mod skill_path;
mod skills;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use additions::Additions;
pub(crate) use api::ContextApi;
pub(crate) use settings::Settings;

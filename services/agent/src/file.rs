//! Files of the workspace: looking at them, reading lines and bytes, and writing and editing them
//! atomically.
//!
//! Links are followed before anything is written, so a link stays one. A file is replaced by a new
//! one that is complete on the disk, and calls that change the same file take turns. Nothing is
//! read whole into memory but what is edited, within limits.

mod api;
mod download;
mod draft;
mod edit;
mod editor;
mod error;
#[doc(hidden)]
pub mod fuzz;
mod lines;
mod list;
mod locks;
mod media_type;
mod open;
mod path;
mod read;
mod stat;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use api::FileApi;
use error::{Error, broke_off};

/// Runs work that blocks where it does not hold up others.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(broke_off()))
}

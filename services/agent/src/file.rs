//! Files of the workspace: reading lines within limits, and writing whole files atomically.

mod api;
mod draft;
mod error;
mod lines;
mod path;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use api::FileApi;
use error::{Error, broke_off};

/// Runs work that blocks where it does not hold up others.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(broke_off()))
}

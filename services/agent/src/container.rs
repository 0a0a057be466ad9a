//! Containers in the workspace, from the container runtime that answers on its Docker socket.
//!
//! The runtime is asked over HTTP/1.1, with what the agent has for that anyway: one request does
//! not need a client library with all of the runtime's types. The path has no version, so a
//! runtime answers in its own; what is read of the answer has not changed in ten years.

mod api;
mod docker;
mod error;
mod list;
mod socket;
#[cfg(test)]
mod tests;

pub(crate) use api::ContainerApi;

//! All services in one process, for tests of how they work together.
//!
//! A test is given a [`Mesh`]: everything that `chatmesh up` runs, on embedded databases in a
//! temporary directory, with a simulated provider beside it. It talks to it as any client does,
//! through a [`Client`], and follows chats with [`Events`].

mod client;
mod collector;
mod events;
mod mesh;
mod program;
mod programs;
mod wait;

pub use client::{Answer, Client};
pub use collector::Collector;
pub use events::{Events, Transcript};
pub use mesh::Mesh;
pub use program::Program;
pub use programs::built_program;
pub use wait::{PATIENCE, eventually};

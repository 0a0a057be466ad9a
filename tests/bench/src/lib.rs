//! Benchmarks of the built programs. Each is a binary of its own and prints, beside its figures,
//! a ratio to something that was measured in the same run: the same work without a mesh, or what
//! the machine allows.
//!
//! They start the programs that were built beside them, so a release build measures a release build.
//! Those that need PostgreSQL or NATS find them as tests do, in `CHATMESH_TEST_POSTGRES` and
//! `CHATMESH_TEST_NATS`; `tests/bench/run` starts private ones first.

pub mod chats;
pub mod fleet;
pub mod latency;
pub mod llm;
pub mod tunnel;
pub mod turn;
pub mod workers;
pub mod workspaces;

mod agents;
mod api;
mod collector;
mod deadline;
mod figures;
mod limits;
mod mesh;
mod ports;
mod process;
mod programs;
mod scrape;
mod sse;
mod statements;

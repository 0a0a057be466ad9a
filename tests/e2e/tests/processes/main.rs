//! The built programs as processes: conversations, crashes, and orderly ends.
//!
//! `chatmesh up` runs on its embedded databases; clusters need PostgreSQL and NATS, which
//! `CHATMESH_TEST_POSTGRES` and `CHATMESH_TEST_NATS` name. The programs have to be built before:
//! `cargo build --workspace`.

#![expect(clippy::print_stdout, reason = "the figures of a run, for whoever runs it with --nocapture")]

mod cluster_crashes;
mod command_line;
mod conversation;
mod crashes;
mod database_tls;
mod harness;
mod ingress;
mod leases;
mod own_workspaces;
mod rolling;
mod shutdown;
mod storms;
mod turns;

//! What the store of chats promises, on every engine.

#![expect(clippy::print_stdout, reason = "counts, for whoever runs it with --nocapture")]

mod action;
mod archive;
mod binding;
mod compaction;
mod content;
mod create;
mod edit;
mod expected;
mod faults;
mod fencing;
mod invalid;
mod invariants;
mod leases;
mod line;
mod metadata;
mod model;
mod pins;
mod promote;
mod queue;
mod random;
mod reach;
mod read;
mod refusal;
mod send;
mod storm;
mod table;
mod turn;
mod workers;
mod world;

//! What the store of chats promises, on every engine.

mod content;
mod create;
mod expected;
mod fencing;
mod invariants;
mod leases;
mod line;
mod model;
mod queue;
mod random;
mod reach;
mod read;
mod refusal;
mod send;
mod storm;
mod table;
mod turn;
mod world;

//! What the store of chats promises, on every engine.

mod create;
mod fencing;
mod leases;
mod model;
mod queue;
mod random;
mod read;
mod send;
mod states;
mod storm;
mod turn;
mod world;

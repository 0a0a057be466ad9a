//! Replicas of the service in one process and on one database, for tests of what they do together.
//!
//! The store, the streams and the live parts are the real ones. What is played is the turn: a
//! [`Runner`] says and commits what a test tells it to; a [`Reader`] is a client that keeps to the
//! contract and checks at every event that it holds.

mod client;
mod content;
mod network;
mod reader;
mod runner;
mod time;
mod truth;
mod world;

pub(crate) use client::Client;
pub(crate) use content::{answer, call, text, text_of};
pub(crate) use network::Faults;
pub(crate) use reader::Reader;
pub(crate) use runner::Runner;
pub(crate) use time::{Standstill, breathe, eventually, pass};
pub(crate) use world::{Replica, World};

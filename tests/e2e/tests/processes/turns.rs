//! A cluster in the middle of many turns, and who runs them.

mod leases;
mod phase;
mod world;

pub(crate) use leases::{Handover, Leases};
pub(crate) use phase::Phase;
pub(crate) use world::World;

//! The worker on a real store and bus, with turns that do as they are told and time that moves
//! only where a test moves it.

mod acquiring;
mod actions;
mod activity;
mod faults;
mod leases;
mod listing;
mod script;
mod sharing;
mod shutdown;
mod stopping;
mod time;
mod world;

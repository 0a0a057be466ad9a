//! Streams on the real store, with real live parts, over one replica or two.

mod actions;
mod handshake;
mod history;
mod live;
mod property;
mod reading;
mod relay;
mod slow;
mod sockets;

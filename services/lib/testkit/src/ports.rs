//! Ports that are known before a process takes them.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that the system hands out by itself, so that no client's connection takes one.
const FIRST: u16 = 12_000;
const COUNT: u16 = 8_000;
/// Tests that run at the same time are processes with neighbouring numbers.
const PER_PROCESS: u32 = 64;

/// A port of this machine that nobody listens on.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    loop {
        let own = std::process::id().wrapping_mul(PER_PROCESS) % u32::from(COUNT);
        let offset = (own + u32::from(TAKEN.fetch_add(1, Ordering::Relaxed))) % u32::from(COUNT);
        let port = FIRST + u16::try_from(offset).expect("less than the count");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

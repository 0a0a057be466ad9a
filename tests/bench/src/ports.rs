//! Ports that are known before a process takes them.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::bail;

/// Below the ports that the system hands out by itself, so that no client's connection takes one.
const FIRST: u16 = 21_000;
const COUNT: u16 = 4_000;

/// A port of this machine that nobody listens on.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    for _ in 0..COUNT {
        let port = FIRST + TAKEN.fetch_add(1, Ordering::Relaxed) % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free from {FIRST} on")
}

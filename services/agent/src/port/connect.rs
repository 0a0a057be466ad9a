//! Connects to a port.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::error::Error;
use super::input::Target;

/// How long a port has to accept a connection, on all its addresses together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to the first address of `target` that accepts.
///
/// # Errors
/// None does. Where they have several reasons, the one that says most about the port counts.
pub(super) async fn connect(target: Target) -> Result<TcpStream, Error> {
    let deadline = Instant::now() + CONNECT_TIMEOUT;
    let mut is_refused = false;
    let mut other = None;
    for address in target.addresses() {
        match timeout_at(deadline, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Both ends send what they have when they have it; waiting for more is not for the middle.
                stream.set_nodelay(true).map_err(|source| Error::Unreachable { target, source })?;
                return Ok(stream);
            }
            Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => is_refused = true,
            Ok(Err(error)) => other = Some(error),
            Err(_) => return Err(Error::ConnectTimeout { target, seconds: CONNECT_TIMEOUT.as_secs() }),
        }
    }
    Err(match other {
        Some(source) if !is_refused => Error::Unreachable { target, source },
        _ => Error::NotListening(target),
    })
}

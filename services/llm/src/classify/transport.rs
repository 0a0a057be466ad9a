//! Reads from an error of the HTTP client what happened on the wire.

use std::error::Error;
use std::io;

use h2::Reason;

/// How the way to a provider broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// The connection could not be made or was lost; the next one may hold.
    Unavailable,
    /// The peer says that we break the protocol; the next connection will not do better.
    Refused,
    /// We ended the stream ourselves.
    Canceled,
    /// The address cannot be used or its certificate does not hold.
    Misconfigured,
}

/// Stream errors with which a peer sheds load or goes away (RFC 9113, section 7).
const PEER_MAY_RECOVER: &[Reason] =
    &[Reason::NO_ERROR, Reason::INTERNAL_ERROR, Reason::REFUSED_STREAM, Reason::CANCEL, Reason::ENHANCE_YOUR_CALM];

/// Finds the cause in an error and in what it wraps.
pub fn transport_of(error: &reqwest::Error) -> Transport {
    if error.is_builder() {
        return Transport::Misconfigured;
    }
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = source {
        if let Some(error) = current.downcast_ref::<h2::Error>() {
            return of_h2(error);
        }
        if is_bad_certificate(current) {
            return Transport::Misconfigured;
        }
        source = current.source();
    }
    Transport::Unavailable
}

fn of_h2(error: &h2::Error) -> Transport {
    if error.is_go_away() || error.is_io() {
        return Transport::Unavailable;
    }
    match error.reason() {
        Some(reason) if error.is_remote() => of_reset(reason),
        Some(Reason::CANCEL) => Transport::Canceled,
        Some(_) | None => Transport::Refused,
    }
}

fn of_reset(reason: Reason) -> Transport {
    if PEER_MAY_RECOVER.contains(&reason) { Transport::Unavailable } else { Transport::Refused }
}

/// Errors of TLS travel as the payload of an I/O error, which `source` skips.
fn is_bad_certificate(error: &(dyn Error + 'static)) -> bool {
    let payload = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let tls = match payload {
        Some(payload) => payload.downcast_ref::<rustls::Error>(),
        None => error.downcast_ref::<rustls::Error>(),
    };
    matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peer_s_reason_decides() {
        for reason in PEER_MAY_RECOVER {
            assert_eq!(of_reset(*reason), Transport::Unavailable, "{reason:?}");
        }
        for reason in
            [Reason::PROTOCOL_ERROR, Reason::FLOW_CONTROL_ERROR, Reason::FRAME_SIZE_ERROR, Reason::COMPRESSION_ERROR]
        {
            assert_eq!(of_reset(reason), Transport::Refused, "{reason:?}");
        }
    }

    #[test]
    fn a_local_error_is_not_the_peer_s() {
        assert_eq!(of_h2(&h2::Error::from(Reason::CANCEL)), Transport::Canceled);
    }
}

//! Which port of which workspace a request is for, and what is asked of it.

use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use tonic::Status;

use crate::errors;

/// A port of a workspace, with the path beyond it as the client wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) workspace_id: String,
    pub(super) port: u16,
    /// What the address has before the port's own path.
    prefix: String,
    rest: String,
}

impl Target {
    /// Reads `/api/v1/workspaces/{workspace_id}/ports/{port}/...`.
    ///
    /// # Errors
    /// The port is none.
    pub(super) fn read(uri: &Uri) -> Result<Self, Status> {
        let path = uri.path();
        // "", api, v1, workspaces, ID, ports, PORT, rest
        let mut segments = path.splitn(8, '/').skip(4);
        let workspace_id = segments.next().unwrap_or_default().to_owned();
        let name = segments.nth(1).unwrap_or_default();
        let rest = segments.next();
        let prefix = path[..path.len() - rest.map_or(0, |rest| rest.len() + 1)].to_owned();
        let number = name.strip_suffix(super::CONNECT).unwrap_or(name);
        let port = number.parse().ok().filter(|port| *port > 0 && number.bytes().all(|byte| byte.is_ascii_digit()));
        let port = port.ok_or_else(|| errors::invalid("port", "must be a TCP port, 1 to 65535"))?;
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(Self { workspace_id, port, prefix, rest: format!("/{}{query}", rest.unwrap_or_default()) })
    }

    /// The path under which the port is reached, without a slash at its end.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What to ask of the port.
    pub(super) fn uri(&self) -> Result<Uri, Status> {
        let rest = self.rest.parse::<PathAndQuery>();
        rest.map(Uri::from).map_err(|error| Status::invalid_argument(format!("the address is not valid: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_through_as_it_was_written() {
        let table = [
            ("/api/v1/workspaces/w/ports/80/", "w", 80, "/api/v1/workspaces/w/ports/80", "/"),
            ("/api/v1/workspaces/w/ports/80", "w", 80, "/api/v1/workspaces/w/ports/80", "/"),
            (
                "/api/v1/workspaces/w/ports/65535/a%2Fb//c/?x=%20&y",
                "w",
                65535,
                "/api/v1/workspaces/w/ports/65535",
                "/a%2Fb//c/?x=%20&y",
            ),
            ("/api/v1/workspaces/w/ports/1:connect", "w", 1, "/api/v1/workspaces/w/ports/1:connect", "/"),
        ];
        for (address, workspace, port, prefix, rest) in table {
            let target = Target::read(&Uri::from_static(address)).expect(address);
            assert_eq!((target.workspace_id.as_str(), target.port, target.prefix()), (workspace, port, prefix));
            assert_eq!(target.uri().expect("an address").to_string(), rest, "{address}");
        }
    }

    #[test]
    fn a_port_is_a_number_that_a_port_can_have() {
        for bad in ["0", "65536", "-1", "+80", "80a", "", "0x50", ":connect"] {
            let address: Uri = format!("/api/v1/workspaces/w/ports/{bad}/x").parse().expect("an address");
            assert!(Target::read(&address).is_err(), "{bad}");
        }
    }
}

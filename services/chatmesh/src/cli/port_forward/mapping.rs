//! Which port here is which port there.

use std::str::FromStr;

/// A port of this machine and one of the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mapping {
    /// 0 for a free one.
    pub(super) local: u16,
    pub(super) remote: u16,
}

impl FromStr for Mapping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (local, remote) = text.split_once(':').unwrap_or((text, text));
        let port = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u16>().ok().filter(|_| digits).ok_or_else(|| format!("`{text}` is no port, 1 to 65535"))
        };
        let mapping = Self { local: port(local)?, remote: port(remote)? };
        if mapping.remote == 0 { Err("the port of the workspace must be 1 to 65535".to_owned()) } else { Ok(mapping) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_the_same_on_both_sides_or_two() {
        let table = [
            ("8080", Some((8080, 8080))),
            ("80:8080", Some((80, 8080))),
            ("0:22", Some((0, 22))),
            ("65535", Some((65535, 65535))),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse().ok().map(|Mapping { local, remote }| (local, remote)), expected, "{text}");
        }
        for bad in ["", "0", "80:0", "65536", "a:1", "1:2:3", "-1", "+1", ":80", "80:"] {
            assert!(bad.parse::<Mapping>().is_err(), "{bad}");
        }
    }
}

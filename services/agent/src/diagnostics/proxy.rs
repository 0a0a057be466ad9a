//! The proxies that an environment names.

use std::ffi::OsString;

use chatmesh_proto::agent::v1 as pb;
use url::Url;

use super::bounded;

/// The variables that name proxies, in lower case.
const PROXIES: [&str; 3] = ["all_proxy", "http_proxy", "https_proxy"];
/// The variable that names hosts for which there is none.
const NO_PROXY: &str = "no_proxy";
/// What stands for a value that can not be shown, because nobody knows what is a secret in it.
const UNREADABLE: &str = "(not an address)";

/// The settings of an environment, without what is secret in them.
pub(super) fn settings(environment: &[(OsString, OsString)]) -> Vec<pb::ProxySetting> {
    let settings = environment.iter().filter_map(|(name, value)| {
        let (name, value) = (name.to_str()?, value.to_string_lossy());
        let variable = name.to_ascii_lowercase();
        let value = match variable.as_str() {
            _ if value.is_empty() => return None,
            NO_PROXY => bounded(&value),
            variable if PROXIES.contains(&variable) => public_part(&value),
            _ => return None,
        };
        Some(pb::ProxySetting { name: name.to_owned(), value })
    });
    let mut settings: Vec<_> = settings.collect();
    settings.sort_by(|one, other| one.name.cmp(&other.name));
    settings
}

/// Scheme, host and port of a proxy.
fn public_part(value: &str) -> String {
    // Programs take an address without a scheme for one of an HTTP proxy.
    let address = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let shown = Url::parse(&address).ok().and_then(|url| {
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        Some(bounded(&format!("{}://{}{port}", url.scheme(), url.host_str()?)))
    });
    shown.unwrap_or_else(|| UNREADABLE.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_shown_without_its_credentials() {
        for (value, expected) in [
            ("http://proxy:3128", "http://proxy:3128"),
            ("http://user:secret@proxy:3128/secret?secret", "http://proxy:3128"),
            ("user:secret@proxy:3128", "http://proxy:3128"),
            ("socks5://user:secret@[::1]:1080", "socks5://[::1]:1080"),
            ("proxy", "http://proxy"),
            ("http://secret secret", UNREADABLE),
            ("http://user:sec/ret@proxy", UNREADABLE),
            ("data://", UNREADABLE),
        ] {
            let shown = public_part(value);
            assert_eq!(shown, expected, "{value}");
            assert!(!shown.contains("secret"));
        }
    }

    #[test]
    fn only_variables_of_proxies_are_shown() {
        let environment: Vec<(OsString, OsString)> = [
            ("HTTPS_PROXY", "http://u:p@proxy:1"),
            ("https_proxy", "http://other"),
            ("NO_PROXY", "localhost,.internal"),
            ("http_proxy", ""),
            ("PROXY_PASSWORD", "secret"),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .into();
        let shown: Vec<_> = settings(&environment).into_iter().map(|setting| (setting.name, setting.value)).collect();
        let expected =
            [("HTTPS_PROXY", "http://proxy:1"), ("NO_PROXY", "localhost,.internal"), ("https_proxy", "http://other")];
        assert_eq!(shown, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}

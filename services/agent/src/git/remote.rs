//! URLs of remotes, as they may be shown.

/// The longest URL that is shown, in bytes.
const MAX_LENGTH: usize = 4096;

/// Removes from a URL whatever may be a secret: over HTTP the user, the password, the query and
/// the fragment; else the password only, because in `ssh://git@host/` the user is none. What can
/// not be told apart with certainty is not shown at all.
pub(super) fn without_credentials(url: &str) -> String {
    if url.len() > MAX_LENGTH || url.chars().any(char::is_control) {
        return String::new();
    }
    match url.split_once("://") {
        Some((scheme, rest)) => of_url(scheme, rest).unwrap_or_default(),
        None => without_scheme(url),
    }
}

fn of_url(scheme: &str, rest: &str) -> Option<String> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    if !is_host(host) {
        return None;
    }
    let is_http = scheme.to_ascii_lowercase().starts_with("http");
    let path = if is_http { path.split(['?', '#']).next().unwrap_or_default() } else { path };
    let user = user.filter(|_| !is_http).map(|user| user.split(':').next().unwrap_or_default());
    let user = user.filter(|user| !user.is_empty()).map(|user| format!("{user}@")).unwrap_or_default();
    Some(format!("{scheme}://{user}{host}{path}"))
}

/// A host with or without a port. A password with a slash in it would end what looks like one.
fn is_host(text: &str) -> bool {
    if text.starts_with('[') {
        return text.rsplit_once(']').is_some_and(|(_, port)| is_port(port));
    }
    text.find(':').is_none_or(|colon| is_port(&text[colon..]))
}

fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A path, or `user@host:path`; where a colon comes before an `@`, somebody forgot the scheme
/// before a user and a password.
fn without_scheme(url: &str) -> String {
    let before_path = url.split('/').next().unwrap_or_default();
    match (before_path.find(':'), before_path.rfind('@')) {
        (Some(colon), Some(at)) if colon < at => String::new(),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_credential_of_a_remote_is_shown() {
        for (url, expected) in [
            ("https://host/a.git", "https://host/a.git"),
            ("https://user:secret@host:8443/a.git", "https://host:8443/a.git"),
            ("https://secret@host/@scope/a.git", "https://host/@scope/a.git"),
            ("https://user:se@cret@host/a.git", "https://host/a.git"),
            ("https://host/a.git?access_token=secret#secret", "https://host/a.git"),
            ("https://host?secret", "https://host"),
            ("HTTPS://user:secret@host/a", "HTTPS://host/a"),
            ("https://user:se/cret@host/a.git", ""),
            ("https://user:se?cret@host/a.git", ""),
            ("http://u:secret@[::1]:80/a", "http://[::1]:80/a"),
            ("https://:secret@host/a", "https://host/a"),
            ("ssh://git@host:22/a.git", "ssh://git@host:22/a.git"),
            ("ssh://git:secret@host/a.git", "ssh://git@host/a.git"),
            ("ssh://:secret@host/a.git", "ssh://host/a.git"),
            ("git@host:a/b.git", "git@host:a/b.git"),
            ("host:a@b/c", ""),
            ("user:secret@host/a.git", ""),
            ("/srv/git/a@b.git", "/srv/git/a@b.git"),
            ("../a.git", "../a.git"),
            ("file:///srv/a.git", "file:///srv/a.git"),
            ("https://host/a\nsecret", ""),
        ] {
            assert_eq!(without_credentials(url), expected, "{url}");
        }
        assert_eq!(without_credentials(&format!("https://host/{}", "a".repeat(MAX_LENGTH))), "");
    }
}

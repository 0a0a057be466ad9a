//! Redirects of a program: it knows itself by another address than its clients do.

use axum::http::Uri;

/// Names under which a program may know its own machine.
const LOCAL: [&str; 4] = ["localhost", "127.0.0.1", "[::1]", "0.0.0.0"];

/// The address that leads a client to where the program at `port` sends it; `None` where it leads
/// there as it is.
pub(super) fn rewritten(location: &str, port: u16, prefix: &str) -> Option<String> {
    if location.starts_with('/') && !location.starts_with("//") {
        return below(location, prefix);
    }
    let uri: Uri = location.parse().ok()?;
    let authority = uri.authority()?;
    let usual = match uri.scheme_str()? {
        "http" | "ws" => 80,
        "https" | "wss" => 443,
        _ => return None,
    };
    let is_own = LOCAL.contains(&authority.host()) && authority.port_u16().unwrap_or(usual) == port;
    if !is_own {
        return None;
    }
    // From the address as it was written: `Uri` has no fragments.
    let after = location.split_once("://")?.1;
    let path = after.find(['/', '?', '#']).map_or("", |at| &after[at..]);
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Some(below(&path, prefix).unwrap_or(path))
}

/// The path below the prefix; `None` where it is there already.
fn below(path: &str, prefix: &str) -> Option<String> {
    let rest = path.strip_prefix(prefix);
    let is_there = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']));
    (!is_there).then(|| format!("{prefix}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_leads_back_to_the_program_and_others_are_left_alone() {
        let table = [
            ("http://localhost:80/a?b#c", Some("/p/80/a?b#c")),
            ("http://127.0.0.1/", Some("/p/80/")),
            ("http://[::1]:80", Some("/p/80/")),
            ("http://localhost?x=1", Some("/p/80/?x=1")),
            ("http://localhost:80/p/80/a", Some("/p/80/a")),
            ("/login?next=/", Some("/p/80/login?next=/")),
            ("/p/80/login", None),
            ("/p/801", Some("/p/80/p/801")),
            ("login", None),
            ("?page=2", None),
            ("//localhost:80/a", None),
            ("http://localhost:81/", None),
            ("https://localhost/", None),
            ("https://example.com/", None),
            ("http://localhost.example.com:80/", None),
            ("javascript:alert(1)", None),
        ];
        for (location, expected) in table {
            assert_eq!(rewritten(location, 80, "/p/80").as_deref(), expected, "{location}");
        }
    }
}

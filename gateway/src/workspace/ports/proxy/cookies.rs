//! Cookies of programs in a workspace, which share an origin with everything else behind the gateway.
//!
//! A browser keeps cookies by host alone, whatever the port. So those of a program get a name and a
//! path of their own on the way out, and only those come back to it.

use axum::http::{HeaderMap, HeaderValue, header};

/// Begins the names, for browsers, of cookies of programs.
const MARK: &str = "chatmesh-app-";

/// Leaves those cookies of a request that the program has set, under the names that it gave them.
pub(super) fn inward(headers: &mut HeaderMap) {
    // HTTP/2 clients may send each one in a header of its own.
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().strip_prefix(MARK));
    let kept = pairs.collect::<Vec<_>>().join("; ");
    headers.remove(header::COOKIE);
    if let (false, Ok(value)) = (kept.is_empty(), HeaderValue::try_from(kept)) {
        headers.insert(header::COOKIE, value);
    }
}

/// Gives the cookies of an answer their names and paths below `prefix`. One that cannot be read is dropped.
pub(super) fn outward(headers: &mut HeaderMap, prefix: &str) {
    let set = headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let kept: Vec<HeaderValue> =
        set.filter_map(|cookie| HeaderValue::try_from(confined(cookie, prefix)).ok()).collect();
    headers.remove(header::SET_COOKIE);
    for cookie in kept {
        headers.append(header::SET_COOKIE, cookie);
    }
}

fn confined(cookie: &str, prefix: &str) -> String {
    let mut attributes = cookie.split(';').map(str::trim);
    let mut confined = format!("{MARK}{}", attributes.next().unwrap_or_default());
    let mut path = "/";
    for attribute in attributes {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "path" => path = value.trim(),
            "domain" => {}
            _ => {
                confined.push_str("; ");
                confined.push_str(attribute);
            }
        }
    }
    let path = path.strip_prefix(prefix).unwrap_or(path);
    let path = if path.starts_with('/') { path } else { "/" };
    format!("{confined}; Path={prefix}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_confined_to_the_program_that_set_it() {
        let table = [
            ("a=1", "chatmesh-app-a=1; Path=/p/80/"),
            ("a=1; Path=/admin; HttpOnly", "chatmesh-app-a=1; HttpOnly; Path=/p/80/admin"),
            ("a=1;path=/p/80/admin;Domain=example.com", "chatmesh-app-a=1; Path=/p/80/admin"),
            ("a=1; path=\"x\"", "chatmesh-app-a=1; Path=/p/80/"),
            ("__Host-id=x=y; Secure; Path=/", "chatmesh-app-__Host-id=x=y; Secure; Path=/p/80/"),
        ];
        for (set, expected) in table {
            assert_eq!(confined(set, "/p/80"), expected);
        }
    }

    #[test]
    fn a_program_gets_its_own_cookies_back_and_no_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("session=token; chatmesh-app-a=1"));
        headers.append(header::COOKIE, HeaderValue::from_static("chatmesh-app-__Host-id=x=y"));
        inward(&mut headers);
        assert_eq!(headers.get_all(header::COOKIE).iter().collect::<Vec<_>>(), ["a=1; __Host-id=x=y"]);
        headers.insert(header::COOKIE, HeaderValue::from_static("session=token"));
        inward(&mut headers);
        assert!(headers.is_empty());
    }
}

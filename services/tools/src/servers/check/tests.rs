use std::collections::BTreeMap;

use super::*;

fn server() -> (pb::McpServer, Secrets) {
    (pb::McpServer { url: "https://mcp.example.com/mcp".to_owned(), ..pb::McpServer::default() }, Secrets::default())
}

fn violated(settings: &pb::McpServer, secrets: &Secrets) -> Vec<String> {
    let mut violations = Violations::new();
    check(settings, secrets, Addresses::Public, &mut violations);
    violations.iter().map(|violation| violation.field.clone()).collect()
}

#[test]
fn a_plain_server_is_fine() {
    let (settings, secrets) = server();
    assert_eq!(violated(&settings, &secrets), Vec::<String>::new());
}

#[test]
fn a_slug_is_short_and_has_no_separator_in_it() {
    let fits = |slug: &str| {
        let mut violations = Violations::new();
        check_slug(slug, &mut violations);
        violations.is_empty()
    };
    for slug in ["a", "github", "git-hub-2", "0", &"x".repeat(24)] {
        assert!(fits(slug), "{slug}");
    }
    for slug in ["", "-", "a-", "-a", "a--b", "A", "a_b", "a b", "ü", &"x".repeat(25)] {
        assert!(!fits(slug), "{slug}");
    }
}

#[test]
fn an_address_is_http_and_holds_no_credentials() {
    let long = format!("https://h/{}", "x".repeat(2048));
    for (url, fits) in [
        ("https://mcp.example.com/mcp?team=1", true),
        ("http://mcp.example.com", true),
        ("", false),
        ("mcp.example.com", false),
        ("ftp://mcp.example.com", false),
        ("file:///etc/passwd", false),
        ("https://user@mcp.example.com", false),
        ("https://:password@mcp.example.com", false),
        ("https://mcp.example.com/#part", false),
        ("https://mcp.example.com/a b", false),
        ("https://127.0.0.1/mcp", false),
        ("https://[::1]/mcp", false),
        ("http://2130706433/", false),
        ("http://169.254.169.254/latest", false),
        (long.as_str(), false),
    ] {
        let (settings, secrets) = server();
        let settings = pb::McpServer { url: url.to_owned(), ..settings };
        assert_eq!(violated(&settings, &secrets).is_empty(), fits, "{url}");
    }
}

#[test]
fn an_icon_is_of_this_deployment() {
    for (icon, fits) in [
        ("", true),
        ("/icons/a.svg", true),
        ("/icons/a..b.svg", true),
        ("icons/a.svg", false),
        ("//evil.example/a.svg", false),
        ("/\\evil.example", false),
        ("https://evil.example/a.svg", false),
        ("/icons/../secret", false),
        ("/a b", false),
    ] {
        assert_eq!(is_icon(icon), fits, "{icon}");
    }
}

#[test]
fn headers_that_the_mesh_sets_are_refused() {
    for (name, fits) in [
        ("X-Api-Key", true),
        ("Authorization", true),
        ("Host", false),
        ("content-length", false),
        ("Mcp-Session-Id", false),
        ("X-Chatmesh-Owner-Id", false),
        ("a b", false),
        ("", false),
    ] {
        let (mut settings, mut secrets) = server();
        settings.auth_type = McpAuthType::CustomHeaders.into();
        secrets.custom_headers = BTreeMap::from([(name.to_owned(), "value".to_owned())]);
        assert_eq!(violated(&settings, &secrets).is_empty(), fits, "{name}");
    }
}

#[test]
fn values_of_headers_hold_no_line_ends() {
    for (value, fits) in [("Bearer abc", true), ("a\r\nX: b", false), (" a", false), ("ä", false), ("\0", false)] {
        let (mut settings, mut secrets) = server();
        settings.auth_type = McpAuthType::ApiKey.into();
        settings.api_key_header = "Authorization".to_owned();
        secrets.api_key = value.to_owned();
        assert_eq!(violated(&settings, &secrets).is_empty(), fits, "{value:?}");
    }
}

#[test]
fn each_kind_of_authentication_has_what_it_needs() {
    let kind = |kind: McpAuthType| {
        let (mut settings, secrets) = server();
        settings.auth_type = kind.into();
        settings.api_key_header = "Authorization".to_owned();
        violated(&settings, &secrets)
    };
    assert_eq!(kind(McpAuthType::ApiKey), ["api_key"]);
    assert_eq!(kind(McpAuthType::CustomHeaders), ["custom_headers"]);
    assert_eq!(kind(McpAuthType::UserOidc), Vec::<String>::new(), "each user brings it, or does not");
    assert_eq!(kind(McpAuthType::Oauth2), Vec::<String>::new(), "all of it can be found out");
}

/// The secret of a client goes where an administrator says, and not where the server does.
#[test]
fn a_client_secret_goes_to_an_authorization_server_that_is_configured() {
    let with = |urls: bool| {
        let (mut settings, mut secrets) = server();
        settings.auth_type = McpAuthType::Oauth2.into();
        let url = |path: &str| if urls { format!("https://sso.example.com/{path}") } else { String::new() };
        let (authorization_url, token_url) = (url("authorize"), url("token"));
        let client_id = "mesh".to_owned();
        settings.oauth2 = Some(pb::McpOauth2 { client_id, authorization_url, token_url, ..pb::McpOauth2::default() });
        let without_secret = violated(&settings, &secrets);
        secrets.oauth2_client_secret = "a-secret".to_owned();
        (without_secret, violated(&settings, &secrets))
    };
    let nothing = Vec::<String>::new;
    assert_eq!(with(true), (nothing(), nothing()));
    assert_eq!(with(false), (nothing(), vec!["oauth2.authorization_url".to_owned()]));
}

#[test]
fn lists_of_tools_are_short_and_name_each_tool_once() {
    let list = |tools: Vec<String>| {
        let (mut settings, secrets) = server();
        settings.tool_deny_list = tools;
        violated(&settings, &secrets)
    };
    assert!(list((0..200).map(|number| number.to_string()).collect()).is_empty());
    assert_eq!(list((0..201).map(|number| number.to_string()).collect()), ["tool_deny_list"]);
    assert_eq!(list(vec!["a".to_owned(), "a".to_owned()]), ["tool_deny_list[1]"]);
    assert_eq!(list(vec![String::new()]), ["tool_deny_list[0]"]);
}

#[test]
fn a_signing_secret_is_long_and_of_use() {
    let with = |secret: &str, forwards: bool| {
        let (mut settings, mut secrets) = server();
        settings.forward_identity_headers = forwards;
        secrets.signing_secret = secret.to_owned();
        violated(&settings, &secrets)
    };
    assert!(with("0123456789abcdef", true).is_empty());
    assert_eq!(with("0123456789abcde", true), ["signing_secret"]);
    assert_eq!(with("0123456789abcdef", false), ["signing_secret"]);
}

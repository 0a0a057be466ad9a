//! HTTP with a program of the workspace, through the gateway.

use axum::http::HeaderMap;
use chatmesh_mesh_tests::Mesh;
use reqwest::{Client, Method, RequestBuilder, redirect};
use serde_json::Value;

use crate::app::{App, Free, Peer};
use crate::wire::Wire;
use crate::with_workspace;

fn http() -> Client {
    Client::builder().redirect(redirect::Policy::none()).build().expect("a client")
}

fn request(mesh: &Mesh, method: Method, path: &str) -> RequestBuilder {
    http().request(method, format!("{}{path}", mesh.url())).bearer_auth(mesh.admin().token())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_reached_with_bodies_errors_and_redirects_as_it_gives_them() {
    with_workspace(async |mesh, workspace| {
        let app = App::start().await;
        let prefix = format!("{workspace}/ports/{}", app.port);
        let get = async |path: &str| request(mesh, Method::GET, path).send().await.expect("an answer");

        let chunks = get(&format!("{prefix}/chunks")).await;
        assert_eq!(chunks.status(), 200);
        assert!(text(chunks.headers(), "content-security-policy").starts_with("sandbox allow-scripts"));
        assert!(!text(chunks.headers(), "content-security-policy").contains("same-origin"));
        assert_eq!(chunks.text().await.expect("a body"), "one two three");

        let missing = get(&format!("{prefix}/nothing?x=1")).await;
        assert_eq!((missing.status().as_u16(), text(missing.headers(), "x-app")), (404, "mine"));
        assert_eq!(missing.text().await.expect("a body"), "no such page of the program");

        let body: Vec<u8> = (0..8 * 1024 * 1024_u32).map(|index| (index % 251) as u8).collect();
        let echoed = request(mesh, Method::POST, &format!("{prefix}/echo")).body(body.clone()).send().await;
        assert!(echoed.expect("an answer").bytes().await.expect("a body") == body, "8 MiB come back as they went");

        let mut drip = get(&format!("{prefix}/drip")).await;
        assert_eq!(
            drip.chunk().await.expect("a piece").as_deref(),
            Some(&b"first"[..]),
            "it does not wait for the rest"
        );
        app.go_on();
        assert_eq!(drip.text().await.expect("the rest"), "last");

        let redirect = get(&format!("{prefix}/redirect")).await;
        let location = format!("{prefix}/there?x=1");
        assert_eq!((redirect.status().as_u16(), text(redirect.headers(), "location")), (302, location.as_str()));
        let bare = get(&prefix).await;
        assert_eq!((bare.status().as_u16(), text(bare.headers(), "location")), (308, format!("{prefix}/").as_str()));

        let cookie = get(&format!("{prefix}/cookie")).await;
        assert_eq!(text(cookie.headers(), "set-cookie"), format!("chatmesh-app-theme=dark; Path={prefix}/"));

        let ports = mesh.admin().get(&format!("{workspace}/ports")).await.ok();
        let listed = ports["ports"].as_array().expect("ports").iter().find(|port| port["port"] == app.port);
        assert_eq!(listed.expect("the program's port")["forwardable"], true);
    })
    .await;
}

/// F.4: the token that opens the door stays at the door.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_never_sees_the_callers_token() {
    with_workspace(async |mesh, workspace| {
        let app = App::start().await;
        let prefix = format!("{workspace}/ports/{}", app.port);
        let seen = request(mesh, Method::GET, &format!("{prefix}/headers"))
            .header("cookie", format!("session={}; chatmesh-app-theme=dark", mesh.admin().token()))
            .header("x-kept", "1")
            .send()
            .await
            .expect("an answer");
        let seen: Value = seen.json().await.expect("JSON");
        assert_eq!(
            (seen["host"].as_str(), seen["x-kept"].as_str()),
            (Some(format!("localhost:{}", app.port).as_str()), Some("1"))
        );
        assert_eq!(
            (seen["x-forwarded-prefix"].as_str(), seen["cookie"].as_str()),
            (Some(prefix.as_str()), Some("theme=dark"))
        );
        assert_eq!(seen["x-forwarded-host"].as_str(), mesh.url().strip_prefix("http://"));

        let offered = format!("chatmesh.v1, bearer.{}", mesh.admin().token());
        let headers = [("sec-websocket-protocol", offered.as_str())];
        let mut wire =
            Wire::try_open(mesh, &format!("{prefix}/ws"), &headers).await.map_err(drop).expect("a WebSocket");
        assert_eq!(wire.protocol.as_deref(), Some("chatmesh.v1"));
        wire.say("through the door").await;
        assert_eq!(wire.next().await.into_text().expect("text").as_str(), "through the door");

        let heads = app.heads();
        assert_eq!(heads.len(), 2, "{heads:?}");
        for head in heads {
            assert!(!head.contains(mesh.admin().token()), "{head}");
            assert!(
                !head.contains("authorization") && !head.contains("chatmesh-") && !head.contains("bearer"),
                "{head}"
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_program_or_no_http_is_a_bad_gateway_that_says_so() {
    with_workspace(async |mesh, workspace| {
        let free = Free::keep();
        let nobody = mesh.admin().get(&format!("{workspace}/ports/{}/x", free.port)).await;
        assert_eq!(nobody.status, 502, "{}", nobody.body);
        assert!(
            nobody.body["message"].as_str().is_some_and(|text| text.contains("nothing listens")),
            "{}",
            nobody.body
        );
        assert_eq!(nobody.body["details"][0]["reason"], "PORT_NOT_LISTENING", "{}", nobody.body);

        let peer = Peer::start().await;
        let path = format!("{workspace}/ports/{}/x", peer.port);
        let (answer, _) = tokio::join!(mesh.admin().get(&path), peer.speak("SSH-2.0-OpenSSH\r\n\r\n"));
        assert_eq!(answer.status, 502, "{}", answer.body);
        assert_eq!(answer.body["details"][0]["reason"], "PORT_BAD_ANSWER", "{}", answer.body);

        for port in ["0", "65536", "http"] {
            let answer = mesh.admin().get(&format!("{workspace}/ports/{port}/x")).await;
            assert_eq!(
                (answer.status.as_u16(), &answer.body["code"]),
                (400, &Value::from(3)),
                "{port}: {}",
                answer.body
            );
        }
    })
    .await;
}

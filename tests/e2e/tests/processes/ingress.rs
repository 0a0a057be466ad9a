//! What stands between agents and the relay in a real cluster: an ingress with TLS, and an HTTP proxy.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use chatmesh_testkit::free_port;

use crate::conversation::tools_act_in_the_workspace;
use crate::harness::{LONG, Model, Process, Sandbox, Up, eventually, setting, simulator};

/// This machine, and no loopback address: to those, agents go without a proxy.
const HERE: &str = "0.0.0.0";

/// A turn with tool calls, whose agent dials nginx over TLS.
#[tokio::test(flavor = "multi_thread")]
async fn a_turn_passes_an_ingress_with_tls() {
    turn_behind_ingress(None).await;
}

/// The same, and the agent reaches nginx only through a proxy that it asks for a tunnel.
#[tokio::test(flavor = "multi_thread")]
async fn a_turn_passes_a_proxy_and_an_ingress_with_tls() {
    let sandbox = Sandbox::new();
    let proxy = free_port();
    let log = sandbox.path().join("tinyproxy.log");
    let config = format!(
        "Port {proxy}\nListen 127.0.0.1\nTimeout 600\nMaxClients 20\nLogFile \"{}\"\nLogLevel Connect\n",
        log.display()
    );
    let file = sandbox.path().join("tinyproxy.conf");
    std::fs::write(&file, config).expect("written");
    let mut command = Command::new("tinyproxy");
    command.arg("-d").arg("-c").arg(&file);
    let _proxy = Process::start("tinyproxy", command, sandbox.path());
    reachable(proxy).await;
    turn_behind_ingress(Some(proxy)).await;
    let tunnels = std::fs::read_to_string(&log).expect("a log");
    assert!(tunnels.contains(&format!("CONNECT {HERE}:")), "nobody asked for a tunnel: {tunnels}");
}

async fn turn_behind_ingress(proxy: Option<u16>) {
    let (sandbox, port, ingress) = (Sandbox::new(), free_port(), free_port());
    let _nginx = nginx(&sandbox, ingress, port).await;
    let certificate = sandbox.path().join("certificate.pem");
    let mut settings = vec![
        setting("provisioner", "agent_url", &format!("https://{HERE}:{ingress}")),
        setting("provisioner", "agent_ca_file", certificate.to_str().expect("a path of letters")),
    ];
    settings.extend(proxy.map(|proxy| setting("provisioner", "agent_proxy", &format!("http://127.0.0.1:{proxy}"))));
    let up = Up::start_at(port, sandbox, settings).await;
    let (mesh, provider) = (up.mesh(), simulator().await);
    let names = Model::ALL.map(Model::name);
    mesh.api.configure_models("PROVIDER_TYPE_ANTHROPIC", &format!("{}/v1", provider.base_url()), &names).await;
    tools_act_in_the_workspace(&mesh).await;
}

/// An ingress as a cluster has one: TLS ends here, upgrades are passed on.
async fn nginx(sandbox: &Sandbox, ingress: u16, upstream: u16) -> Process {
    let path = sandbox.path();
    let certified = rcgen::generate_simple_self_signed([HERE.to_owned()]).expect("a certificate");
    std::fs::write(path.join("certificate.pem"), certified.cert.pem()).expect("written");
    std::fs::write(path.join("key.pem"), certified.signing_key.serialize_pem()).expect("written");
    std::fs::write(path.join("nginx.conf"), config(path, ingress, upstream)).expect("written");
    let mut command = Command::new("/usr/sbin/nginx");
    command.arg("-e").arg(path.join("nginx-error.log")).arg("-c").arg(path.join("nginx.conf")).arg("-p").arg(path);
    let process = Process::start("nginx", command, path);
    reachable(ingress).await;
    process
}

fn config(path: &Path, ingress: u16, upstream: u16) -> String {
    let path = path.display();
    // The server does not start as root without a user to become, and as another user ignores it.
    let user = if nix::unistd::Uid::effective().is_root() { "user root;" } else { "" };
    format!(
        "daemon off; {user} worker_processes 1; pid {path}/nginx.pid;
        events {{ worker_connections 256; }}
        http {{
            access_log off;
            client_body_temp_path {path}/body; proxy_temp_path {path}/proxy;
            fastcgi_temp_path {path}/fastcgi; uwsgi_temp_path {path}/uwsgi; scgi_temp_path {path}/scgi;
            map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
            server {{
                listen 127.0.0.1:{ingress} ssl;
                ssl_certificate {path}/certificate.pem;
                ssl_certificate_key {path}/key.pem;
                location / {{
                    proxy_pass http://127.0.0.1:{upstream};
                    proxy_http_version 1.1;
                    proxy_set_header Host $host;
                    proxy_set_header Upgrade $http_upgrade;
                    proxy_set_header Connection $connection_upgrade;
                    proxy_read_timeout 60s;
                }}
            }}
        }}"
    )
}

async fn reachable(port: u16) {
    eventually("a port is open", LONG, async || TcpStream::connect(("127.0.0.1", port)).map(drop)).await;
}

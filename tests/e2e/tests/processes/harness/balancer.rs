//! One address for several replicas of a service, as a cluster gives it.

use std::net::Ipv4Addr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Hands each connection to the next replica that takes it; ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Balancer {
    port: u16,
    _accepting: JoinSet<()>,
}

impl Balancer {
    /// Starts a balancer before these ports of this machine.
    pub(crate) async fn start(replicas: Vec<u16>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, replicas));
        Self { port, _accepting: accepting }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

async fn accept(listener: TcpListener, mut replicas: Vec<u16>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                replicas.rotate_left(1);
                connections.spawn(carry(client, replicas.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn carry(mut client: TcpStream, replicas: Vec<u16>) {
    for replica in replicas {
        if let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, replica)).await {
            // The calls are many small frames that nobody should wait for.
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            // Either side may break it: that is what the tests do.
            let _ = copy_bidirectional(&mut client, &mut server).await;
            return;
        }
    }
}

//! One address for all replicas: connections go to each in turn, and past those that do not answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use chatmesh_runtime::Tasks;
use tokio::net::{TcpListener, TcpStream};

/// Gone when it is dropped.
pub(super) struct Balancer {
    address: SocketAddr,
    tasks: Tasks,
}

impl Balancer {
    pub(super) async fn start(urls: &[&str]) -> anyhow::Result<Self> {
        let backends = urls.iter().map(|url| {
            let address = url.strip_prefix("http://").context("no http address")?;
            Ok(address.parse::<SocketAddr>()?)
        });
        let backends: Arc<[SocketAddr]> = backends.collect::<anyhow::Result<Vec<_>>>()?.into();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, tasks) = (listener.local_addr()?, Tasks::new());
        let (inner, turn) = (tasks.clone(), Arc::new(AtomicUsize::new(0)));
        tasks.spawn("balancer", async move {
            while let Ok((client, _)) = listener.accept().await {
                let first = turn.fetch_add(1, Ordering::Relaxed);
                inner.spawn("balancer.connection", carry(client, Arc::clone(&backends), first));
            }
        });
        Ok(Self { address, tasks })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.tasks.shutdown().force();
    }
}

async fn carry(mut client: TcpStream, backends: Arc<[SocketAddr]>, first: usize) {
    for index in 0..backends.len() {
        if let Ok(mut server) = TcpStream::connect(backends[(first + index) % backends.len()]).await {
            // How it ends is the business of both ends.
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            return;
        }
    }
}

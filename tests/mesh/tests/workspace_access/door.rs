//! A way to the mesh that can be closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A port before the mesh's; it ends when it is dropped.
pub(crate) struct Door {
    pub(crate) url: String,
    closed: Arc<AtomicBool>,
    refused: Arc<AtomicU32>,
    _server: JoinSet<()>,
}

impl Door {
    /// An open door before the mesh at `url`.
    pub(crate) async fn before(url: &str) -> Self {
        let mesh = url.strip_prefix("http://").expect("an address").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (closed, refused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let mut server = JoinSet::new();
        let (is_closed, count) = (Arc::clone(&closed), Arc::clone(&refused));
        server.spawn(async move {
            let mut passing = JoinSet::new();
            loop {
                let (mut client, _) = listener.accept().await.expect("a connection");
                if is_closed.load(Ordering::SeqCst) {
                    count.fetch_add(1, Ordering::SeqCst);
                    continue;
                }
                let mesh = mesh.clone();
                passing.spawn(async move {
                    let mut inside = TcpStream::connect(mesh).await.expect("the mesh");
                    // Either side may go away.
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut inside).await;
                });
            }
        });
        Self { url, closed, refused, _server: server }
    }

    /// New connections are cut from here on, or not any more.
    pub(crate) fn close(&self, closed: bool) {
        self.closed.store(closed, Ordering::SeqCst);
    }

    /// How many connections were cut.
    pub(crate) fn refused(&self) -> u32 {
        self.refused.load(Ordering::SeqCst)
    }
}

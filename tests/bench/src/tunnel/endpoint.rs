//! The far end of every stream: a port that takes bytes and says how many came, and one that sends them; both also over TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use chatmesh_runtime::Tasks;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::Direction;

/// How many bytes are written and read at once.
pub(super) const PIECE: usize = 64 * 1024;

/// The ports.
pub(super) struct Endpoint {
    plain: Ports,
    tls: Ports,
    connector: TlsConnector,
    bytes: u64,
    _tasks: Ending,
}

/// Where bytes are taken, and where they are sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) sink: SocketAddr,
    pub(super) source: SocketAddr,
}

impl Ports {
    pub(super) fn of(&self, direction: Direction) -> SocketAddr {
        match direction {
            Direction::Up => self.sink,
            Direction::Down => self.source,
        }
    }
}

/// Ends the tasks when it is dropped.
struct Ending(Tasks);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.shutdown().force();
    }
}

impl Endpoint {
    pub(super) async fn start(bytes: u64) -> anyhow::Result<Self> {
        let tasks = Tasks::new();
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key.into())?;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certified.cert.der().clone())?;
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let plain = ports(&tasks, None, bytes).await?;
        let tls = ports(&tasks, Some(acceptor), bytes).await?;
        Ok(Self { plain, tls, connector: TlsConnector::from(Arc::new(client)), bytes, _tasks: Ending(tasks) })
    }

    /// How many bytes a stream carries.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn plain(&self) -> Ports {
        self.plain
    }

    pub(super) fn tls(&self) -> (Ports, TlsConnector) {
        (self.tls, self.connector.clone())
    }
}

async fn ports(tasks: &Tasks, tls: Option<TlsAcceptor>, bytes: u64) -> anyhow::Result<Ports> {
    let sink = port(tasks, tls.clone(), Direction::Up, bytes).await?;
    let source = port(tasks, tls, Direction::Down, bytes).await?;
    Ok(Ports { sink, source })
}

async fn port(tasks: &Tasks, tls: Option<TlsAcceptor>, direction: Direction, bytes: u64) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let inner = tasks.clone();
    tasks.spawn("endpoint", async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            inner.spawn("endpoint.stream", async move {
                // What goes wrong here is seen at the other end.
                let _ = stream.set_nodelay(true);
                let _ = match tls {
                    None => serve(stream, direction, bytes).await,
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => serve(stream, direction, bytes).await,
                        Err(error) => Err(error.into()),
                    },
                };
            });
        }
    });
    Ok(address)
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    direction: Direction,
    bytes: u64,
) -> anyhow::Result<()> {
    match direction {
        Direction::Up => {
            let count = drain(&mut stream).await?;
            stream.write_u64(count).await?;
        }
        Direction::Down => fill(&mut stream, bytes).await?,
    }
    stream.shutdown().await?;
    Ok(())
}

/// Carries bytes over a stream to these ports, and returns when all have come.
pub(super) async fn carry(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    direction: Direction,
    bytes: u64,
) -> anyhow::Result<()> {
    let count = match direction {
        Direction::Up => {
            fill(&mut stream, bytes).await?;
            stream.shutdown().await?;
            stream.read_u64().await.context("the other end did not say how many came")?
        }
        Direction::Down => drain(&mut stream).await?,
    };
    ensure!(count == bytes, "{count} of {bytes} bytes came");
    Ok(())
}

async fn fill(stream: &mut (impl AsyncWrite + Unpin), bytes: u64) -> anyhow::Result<()> {
    let piece = vec![0x5a; PIECE];
    let mut left = bytes;
    while left > 0 {
        let size = left.min(PIECE as u64);
        stream.write_all(&piece[..usize::try_from(size)?]).await?;
        left -= size;
    }
    stream.flush().await?;
    Ok(())
}

async fn drain(stream: &mut (impl AsyncRead + Unpin)) -> anyhow::Result<u64> {
    let mut piece = vec![0; PIECE];
    let mut count = 0;
    loop {
        match stream.read(&mut piece).await? {
            0 => return Ok(count),
            read => count += read as u64,
        }
    }
}

/// A connection without delay.
pub(super) async fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = tokio::time::timeout(Duration::from_secs(10), TcpStream::connect(address)).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The name in the certificate.
pub(super) fn server_name() -> anyhow::Result<ServerName<'static>> {
    Ok(ServerName::try_from("localhost")?)
}

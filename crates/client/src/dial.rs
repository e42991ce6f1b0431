//! From an address to a stream of bytes. An application with a proxy, TLS of its own or a socket other than TCP
//! gives a dialer.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::address::{Address, StartError, Target};

/// A stream of bytes to a server, whatever its type.
pub(super) trait Bytes: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Bytes for S {}

pub(super) type Stream = Box<dyn Bytes>;

type Dialling = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

/// Opens streams.
#[derive(Clone)]
pub(super) struct Dialer(Arc<dyn Fn(Target) -> Dialling + Send + Sync>);

impl Dialer {
    pub(super) fn new<F, D, S>(dial: F) -> Dialer
    where
        F: Fn(Target) -> D + Send + Sync + 'static,
        D: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Dialer(Arc::new(move |target| {
            let dialling = dial(target);
            Box::pin(async move { Ok(Box::new(dialling.await?) as Stream) })
        }))
    }

    /// That of the address's scheme.
    pub(super) fn of(address: &Address, text: &str) -> Result<Dialer, StartError> {
        if address.target.secure { Dialer::tls(text) } else { Ok(Dialer::new(tcp)) }
    }

    #[cfg(feature = "tls")]
    fn tls(_: &str) -> Result<Dialer, StartError> {
        let connector = super::tls::connector()?;
        Ok(Dialer::new(move |target: Target| {
            let connector = connector.clone();
            async move { super::tls::connect(connector, &target, tcp(target.clone()).await?).await }
        }))
    }

    #[cfg(not(feature = "tls"))]
    fn tls(text: &str) -> Result<Dialer, StartError> {
        Err(StartError::NoTls { address: text.into() })
    }

    pub(super) async fn dial(&self, target: &Target) -> io::Result<Stream> {
        (self.0)(target.clone()).await
    }
}

async fn tcp(target: Target) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((target.host.as_str(), target.port)).await?;
    // Or a small frame waits for the answer to the one before.
    stream.set_nodelay(true)?;
    Ok(stream)
}

//! Requests to one URL. Connections are kept for the next request, and no request is sent twice.

use std::error::Error;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT,
};
use hyper::{Method, Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tower_service::Service;

use super::backend_url::{BackendUrl, Place};
use super::gateway::GatewayError;

pub(crate) type PostError = legacy::Error;

/// A URL, with the connections to it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) url: BackendUrl,
    client: AnyClient,
    /// Is shown with each post.
    authorization: Option<HeaderValue>,
}

#[derive(Clone, Debug)]
enum AnyClient {
    Tcp(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
    #[cfg(unix)]
    Unix(Client<UnixConnector, Full<Bytes>>),
}

/// Shorter than the 5 seconds for which uvicorn and Node keep an idle connection: a request on one that the backend
/// is about to close would be lost, and must not be sent again.
const IDLE: Duration = Duration::from_secs(4);

/// For one try to connect.
const CONNECT: Duration = Duration::from_secs(10);

/// A backend whose machine is gone says nothing. Then the connection breaks after four times this.
const KEEPALIVE: Duration = Duration::from_secs(30);

impl Target {
    pub(crate) fn new(url: BackendUrl) -> Result<Target, GatewayError> {
        let client = match &url.place {
            Place::Tcp => AnyClient::Tcp(pooled(tcp())),
            Place::Tls => AnyClient::Tls(pooled(tls()?)),
            #[cfg(unix)]
            Place::Unix(path) => AnyClient::Unix(pooled(UnixConnector(Arc::from(path.as_path())))),
            #[cfg(not(unix))]
            Place::Unix(_) => return Err(GatewayError::NoUnixSockets),
        };
        Ok(Target { url, client, authorization: None })
    }

    pub(crate) fn authorization(self, authorization: Option<HeaderValue>) -> Target {
        Target { authorization, ..self }
    }

    /// Posts JSON. Returns the head of the response.
    ///
    /// If the error [is about connecting](legacy::Error::is_connect), nothing was sent. A request whose kept connection turns
    /// out to be closed before a byte of it was written goes over another one.
    pub(crate) async fn post(
        &self,
        key: &str,
        json: Bytes,
    ) -> Result<Response<Incoming>, PostError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(super::response::ACCEPTED));
        let key = key.try_into().expect("a session's name and a number make a header");
        headers.insert("idempotency-key", key);
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        self.send(headers, json).await
    }

    /// Posts JSON with these headers. Returns the head of the response.
    pub(crate) async fn ask(
        &self,
        mut headers: HeaderMap,
        json: Bytes,
    ) -> Result<Response<Incoming>, PostError> {
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        self.send(headers, json).await
    }

    async fn send(
        &self,
        mut headers: HeaderMap,
        json: Bytes,
    ) -> Result<Response<Incoming>, PostError> {
        const US: &str = concat!("outlive/", env!("CARGO_PKG_VERSION"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(USER_AGENT, HeaderValue::from_static(US));
        let mut request = Request::new(Full::new(json));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.uri.clone();
        *request.headers_mut() = headers;
        match &self.client {
            AnyClient::Tcp(client) => client.request(request).await,
            AnyClient::Tls(client) => client.request(request).await,
            #[cfg(unix)]
            AnyClient::Unix(client) => client.request(request).await,
        }
    }
}

/// What is at the bottom of an error. What stands above it is about this program's parts, and may name the URL.
pub(crate) fn root(error: &dyn Error) -> String {
    let mut root = error;
    while let Some(below) = root.source() {
        root = below;
    }
    root.to_string()
}

fn pooled<C: Connect + Clone>(connector: C) -> Client<C, Full<Bytes>> {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .build(connector)
}

fn tcp() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_keepalive(Some(KEEPALIVE));
    connector.set_keepalive_interval(Some(KEEPALIVE));
    connector.set_keepalive_retries(Some(3));
    // `https` comes here too.
    connector.enforce_http(false);
    connector
}

/// Servers are known by the certificates that this machine trusts.
fn tls() -> Result<HttpsConnector<HttpConnector>, GatewayError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Some certificates of a system cannot be parsed.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found.errors.first().map_or_else(|| "none was found".into(), ToString::to_string);
        return Err(GatewayError::NoRoots { why });
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|why| GatewayError::NoRoots { why: why.to_string() })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let builder = HttpsConnectorBuilder::new().with_tls_config(config);
    Ok(builder.https_only().enable_http1().wrap_connector(tcp()))
}

/// Connects to a socket, whatever the URI.
#[cfg(unix)]
#[derive(Clone, Debug)]
struct UnixConnector(Arc<Path>);

#[cfg(unix)]
impl Service<Uri> for UnixConnector {
    type Response = TokioIo<tokio::net::UnixStream>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let path = Arc::clone(&self.0);
        Box::pin(async move { Ok(TokioIo::new(tokio::net::UnixStream::connect(path).await?)) })
    }
}

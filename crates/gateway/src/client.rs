//! Requests to one URL. Connections are kept for the next request, and no request is sent twice.

use std::error::Error;
use std::future::poll_fn;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, USER_AGENT,
};
use hyper::{Method, Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tower_service::Service;

use super::backend_url::{BackendUrl, Place};
use super::connection::{Answer, Connection, Kept};
use super::gateway::GatewayError;
use super::request::Posted;

type BoxError = Box<dyn Error + Send + Sync>;

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PostError {
    #[error("no connection: nothing was sent")]
    Connect(#[source] BoxError),
    #[error("the connection broke")]
    Broken(#[from] hyper::Error),
}

impl PostError {
    /// Whether nothing was sent.
    pub(crate) fn is_connect(&self) -> bool {
        matches!(self, PostError::Connect(_))
    }
}

/// A URL, with the connections to it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) url: BackendUrl,
    connector: Connector,
    kept: Kept,
    /// Is shown with each post.
    authorization: Option<HeaderValue>,
}

#[derive(Clone, Debug)]
enum Connector {
    Tcp(HttpConnector),
    Tls(HttpsConnector<HttpConnector>),
    #[cfg(unix)]
    Unix(Arc<Path>),
}

/// For one try to connect.
const CONNECT: Duration = Duration::from_secs(10);

/// A backend whose machine is gone says nothing. Then the connection breaks after four times this.
const KEEPALIVE: Duration = Duration::from_secs(30);

impl Target {
    pub(crate) fn new(url: BackendUrl) -> Result<Target, GatewayError> {
        let connector = match &url.place {
            Place::Tcp => Connector::Tcp(tcp()),
            Place::Tls => Connector::Tls(tls()?),
            #[cfg(unix)]
            Place::Unix(path) => Connector::Unix(Arc::from(path.as_path())),
            #[cfg(not(unix))]
            Place::Unix(_) => return Err(GatewayError::NoUnixSockets),
        };
        Ok(Target { url, connector, kept: Kept::new(), authorization: None })
    }

    pub(crate) fn authorization(self, authorization: Option<HeaderValue>) -> Target {
        Target { authorization, ..self }
    }

    /// Posts JSON. Returns the head of the response.
    ///
    /// If the error [is about connecting](PostError::is_connect), nothing was sent. A request whose kept connection turns
    /// out to be closed before a byte of it was written goes over another one.
    pub(crate) async fn post(&self, posted: &Posted) -> Result<Response<Answer>, PostError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(super::response::ACCEPTED));
        let key =
            posted.key.as_str().try_into().expect("a session's name and a number make a header");
        headers.insert("idempotency-key", key);
        headers.insert("fencing-token", posted.fencing_token.into());
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        self.send(headers, posted.json.clone()).await
    }

    /// Posts JSON with these headers. Returns the head of the response.
    pub(crate) async fn ask(
        &self,
        mut headers: HeaderMap,
        json: Bytes,
    ) -> Result<Response<Answer>, PostError> {
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        self.send(headers, json).await
    }

    async fn send(
        &self,
        mut headers: HeaderMap,
        json: Bytes,
    ) -> Result<Response<Answer>, PostError> {
        const US: &str = concat!("outlive/", env!("CARGO_PKG_VERSION"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(USER_AGENT, HeaderValue::from_static(US));
        headers.insert(HOST, host(&self.url.uri));
        let mut request = Request::new(Full::new(json));
        *request.method_mut() = Method::POST;
        // Servers want the path alone.
        let path = self.url.uri.path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse().expect("the path of a URL is one");
        *request.headers_mut() = headers;
        match self.kept.send(request).await {
            Ok(sent) => Ok(sent?),
            Err(request) => {
                let connection = self.connector.connect(&self.url.uri).await;
                let connection = connection.map_err(PostError::Connect)?;
                Ok(self.kept.send_over(connection, request).await?)
            }
        }
    }
}

/// The host, and the port if it is not what the scheme says.
fn host(uri: &Uri) -> HeaderValue {
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let host = uri.host().unwrap_or_default();
    let host = match uri.port_u16().filter(|port| *port != usual) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    host.try_into().expect("a URL's host makes a header")
}

impl Connector {
    async fn connect(&self, to: &Uri) -> Result<Connection, BoxError> {
        Ok(match self {
            Connector::Tcp(connector) => {
                Connection::over(call(connector.clone(), to).await?).await?
            }
            Connector::Tls(connector) => {
                Connection::over(call(connector.clone(), to).await?).await?
            }
            #[cfg(unix)]
            Connector::Unix(path) => {
                let stream = tokio::net::UnixStream::connect(path).await?;
                Connection::over(TokioIo::new(stream)).await?
            }
        })
    }
}

async fn call<S>(mut connector: S, to: &Uri) -> Result<S::Response, BoxError>
where
    S: Service<Uri>,
    S::Error: Into<BoxError>,
{
    poll_fn(|cx| connector.poll_ready(cx)).await.map_err(Into::into)?;
    connector.call(to.clone()).await.map_err(Into::into)
}

/// What is at the bottom of an error. What stands above it is about this program's parts, and may name the URL.
pub(crate) fn root(error: &dyn Error) -> String {
    let mut root = error;
    while let Some(below) = root.source() {
        root = below;
    }
    root.to_string()
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

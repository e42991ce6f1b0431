//! A client before it is started.

use std::future::Future;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use super::address::Target;
use super::address::{Address, StartError};
use super::client::{Client, Handle};
use super::config::{Config, Route, random};
use super::create::{CreateError, create};
use super::dial::Dialer;
use super::incarnation::CurrentIncarnation;
use super::task::{Ask, Task};
use super::update::ClientState;
use outlive::client::Settings;
use outlive::log::Cursor;

/// A client before it is started. [`Client::builder`] makes one.
#[must_use = "nothing happens before it is started"]
pub struct Builder {
    url: String,
    session: String,
    dialer: Option<Dialer>,
    config: Config,
}

impl Client {
    /// A client of the server at this address, to be completed and started: `ws://host:port`, `wss://host`,
    /// with what comes before `/sessions` if the endpoints are nested. Nothing is opened before it is started.
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder::new(url.into())
    }
}

impl Builder {
    pub(super) fn new(url: String) -> Builder {
        Builder { url, session: String::new(), dialer: None, config: Config::default() }
    }

    /// The session, as `POST /sessions` named it. For a new one there is [`create`](Builder::create).
    pub fn session(mut self, session: impl Into<String>) -> Builder {
        self.session = session.into();
        self
    }

    /// Has the server make a new session, with the token and the dialer that are set by then; its name is
    /// [`Client::session`](super::Handle::session) afterwards. It may take as long as
    /// [`Settings::attach_ms`] says.
    ///
    /// # Errors
    /// There is none, and why. An attempt whose answer was lost may have made a session whose name no client has.
    ///
    /// # Cancel safety
    /// Dropped, it leaves no more behind than a lost answer does.
    pub async fn create(mut self) -> Result<Builder, CreateError> {
        let (address, dialer) = self.route()?;
        let (token, settings) = ((self.config.token)(), self.config.settings);
        let session = create(&address, &dialer, token.as_deref(), settings.attach_ms).await?;
        Ok(self.session(session))
    }

    /// Opens the streams to the server with a function of your own: through a proxy, over TLS with
    /// certificates of your own, to a Unix socket. It is asked for each dial, and dropped when a dial takes
    /// longer than [`Settings::attach_ms`] allows; an error of it is a dial that came to nothing.
    ///
    /// Without one it is TCP, and for `wss` the TLS of feature `tls`.
    ///
    /// ```no_run
    /// use std::sync::Arc;
    ///
    /// use outlive_client::{Client, Target};
    /// use tokio::net::TcpStream;
    /// use tokio_rustls::rustls::ClientConfig;
    /// use tokio_rustls::rustls::pki_types::ServerName;
    /// use tokio_rustls::{TlsConnector, client::TlsStream};
    ///
    /// # fn example(config: ClientConfig) -> Result<(), Box<dyn std::error::Error>> {
    /// let connector = TlsConnector::from(Arc::new(config));
    /// let dial = move |to: Target| {
    ///     let connector = connector.clone();
    ///     async move {
    ///         let tcp = TcpStream::connect((to.host.as_str(), to.port)).await?;
    ///         let name = ServerName::try_from(to.host).map_err(std::io::Error::other)?;
    ///         connector.connect(name, tcp).await
    ///     }
    /// };
    /// let client = Client::builder("wss://chat.internal").session("s_1").dialer(dial).start()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn dialer<F, D, S>(self, dial: F) -> Builder
    where
        F: Fn(Target) -> D + Send + Sync + 'static,
        D: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Builder { dialer: Some(Dialer::new(dial)), ..self }
    }

    /// The client's name for itself, kept over restarts together with its outbox; a random one if none is
    /// given. A client that lost its storage takes a new one.
    pub fn client(mut self, client: impl Into<String>) -> Builder {
        self.config.state.client = client.into();
        self
    }

    /// Begins after this entry, which the application has applied. Given after [`restore`](Builder::restore), it
    /// counts more than the cursor there.
    pub fn cursor(mut self, cursor: Cursor) -> Builder {
        self.config.state.link.cursor = Some(cursor);
        self
    }

    /// Shows this to the server at each dial, as a bearer token.
    pub fn token(self, token: impl Into<String>) -> Builder {
        let token = token.into();
        self.token_from(move || Some(token.clone()))
    }

    /// Asks for what is shown to the server at each dial. Must not block: the client waits for it.
    pub fn token_from(mut self, token: impl FnMut() -> Option<String> + Send + 'static) -> Builder {
        self.config.token = Box::new(token);
        self
    }

    /// Goes on from what was kept: its name, its cursor and its outbox take the place of what was given before.
    pub fn restore(mut self, kept: ClientState) -> Builder {
        self.config.state = kept;
        self
    }

    /// Is called with what must outlive the process, whenever it changes and before anything is sent that
    /// depends on it. Returns when it is kept.
    pub fn save(mut self, save: impl FnMut(&ClientState) + Send + 'static) -> Builder {
        self.config.save = Box::new(save);
        self
    }

    /// The client's numbers.
    pub fn settings(mut self, settings: Settings) -> Builder {
        self.config.settings = settings;
        self
    }

    /// Starts it on the current tokio runtime. Whether the server can be reached shows later.
    ///
    /// # Errors
    /// What was set is of no use, however often it is tried.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(mut self) -> Result<Client, StartError> {
        let (address, dialer) = self.route()?;
        if self.session.is_empty() {
            return Err(StartError::NoSession);
        }
        if self.config.state.client.is_empty() {
            let [high, low] = [random(), random()];
            self.config.state.client = format!("c_{high:08x}{low:08x}");
        }
        let (asks, heard) = mpsc::unbounded_channel();
        let (out, updates) = mpsc::channel(1);
        let session = Arc::from(self.session.as_str());
        let life = CurrentIncarnation::default();
        let handle = Handle::new(asks, session, life.clone());
        handle.ask(Ask::Start);
        let route =
            Route { address: address.socket(&self.session), target: address.target, dialer };
        tokio::spawn(Task::new(self.config, route, life, out).run(heard));
        Ok(Client::new(handle, updates))
    }

    fn route(&self) -> Result<(Address, Dialer), StartError> {
        let address = Address::read(&self.url)?;
        let dialer = self.dialer.clone().map_or_else(|| Dialer::of(&address, &self.url), Ok)?;
        Ok((address, dialer))
    }
}

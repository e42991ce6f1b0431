//! The worker.

use std::pin::pin;
use std::time::Duration;

use hyper::Response;
use outlive_server::hub::{CloseoutContext, Failure, Turn, Worker, WorkerContext};
use tokio::time::{Instant, sleep, timeout};

use super::backend_url::BackendUrl;
use super::client::{Target, root};
use super::connection::Answer;
use super::openai::OpenAi;
use super::options::{GatewayOptions, History};
use super::output::Output;
use super::request::{self, Posted};
use super::response;

/// A worker that asks a backend. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Gateway {
    backend: Target,
    chat: Option<Chat>,
    interrupt: Option<Target>,
    closeout: Option<Target>,
    history: History,
    start_timeout: Duration,
    interrupt_timeout: Duration,
    closeout_timeout: Duration,
    entry_bytes: usize,
}

/// What a backend of `OpenAI`'s form is sent.
#[derive(Clone, Debug)]
struct Chat {
    openai: OpenAi,
    entries: usize,
    bytes: usize,
}

/// Why there can be no gateway: nothing that time would heal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// A URL begins with `https`, and the machine has no certificates that it trusts.
    #[error("this machine trusts no certificates, so no backend can be known by https: {why}")]
    NoRoots {
        /// What was found instead.
        why: String,
    },
    /// A URL names a Unix socket, and the system has none.
    #[error("this system has no Unix sockets")]
    NoUnixSockets,
    /// The backend is of `OpenAI`'s form, and the conversation is to be read at a URL.
    #[error("a server of OpenAI's form is sent the conversation, and reads no URL of a history")]
    HistoryUrl,
    /// The URL of a server of `OpenAI`'s form is not the base of its paths.
    #[error(
        "{url} is no base of OpenAI's paths, such as http://127.0.0.1:8000/v1: /chat/completions comes behind it"
    )]
    NoBase {
        /// The URL.
        url: String,
    },
    /// A key is empty, or no header can carry it.
    #[error("the key is empty, or has characters that no header can carry")]
    Key,
}

/// A backend that is started anew is there again soon: the first wait between two tries to connect …
const FIRST: Duration = Duration::from_millis(100);
/// … and the longest.
const LONGEST: Duration = Duration::from_secs(2);

impl Gateway {
    /// A gateway to this backend. Nothing is connected yet.
    ///
    /// # Errors
    /// What the URLs need is not there.
    pub fn new(backend: BackendUrl, options: GatewayOptions) -> Result<Gateway, GatewayError> {
        let GatewayOptions {
            interrupt,
            closeout,
            history,
            start_timeout,
            interrupt_timeout,
            closeout_timeout,
            entry_bytes,
        } = options;
        Ok(Gateway {
            backend: Target::new(backend)?,
            chat: None,
            interrupt: interrupt.map(Target::new).transpose()?,
            closeout: closeout.map(Target::new).transpose()?,
            history,
            start_timeout,
            interrupt_timeout,
            closeout_timeout,
            entry_bytes,
        })
    }

    /// A gateway to a server of `OpenAI`'s form. `base` is the URL before `/chat/completions`, as in
    /// `http://127.0.0.1:8000/v1`; without a path it is `/v1`. Nothing is connected yet.
    ///
    /// # Errors
    /// What the URLs need is not there, `base` is no base, or the options have a
    /// [`history_url`](GatewayOptions::history_url).
    pub fn openai(
        base: BackendUrl,
        openai: OpenAi,
        options: GatewayOptions,
    ) -> Result<Gateway, GatewayError> {
        let History::Entries { entries, bytes } = options.history else {
            return Err(GatewayError::HistoryUrl);
        };
        let gateway = Gateway::new(base.chat_completions()?, options)?;
        let backend = gateway.backend.authorization(openai.authorization.clone());
        Ok(Gateway { backend, chat: Some(Chat { openai, entries, bytes }), ..gateway })
    }

    /// A turn, from its prompt to the end of the response.
    async fn exchange(&self, turn: &Turn) -> Result<(), Failure> {
        if let Some(Chat { openai, entries, bytes }) = &self.chat {
            let posted = openai.request(turn, *entries, *bytes).await?;
            let response = self.send(&posted).await?;
            return Ok(response::read_chat(response, Output::Turn(turn), self.entry_bytes).await?);
        }
        let posted = request::prompt(turn, &self.history).await?;
        let response = self.send(&posted).await?;
        Ok(response::read(response, Output::Turn(turn), self.entry_bytes).await?)
    }

    /// Sends a prompt, once: it is tried again only while there is no connection that it could have gone over.
    async fn send(&self, posted: &Posted) -> Result<Response<Answer>, Failure> {
        let (began, mut wait) = (Instant::now(), FIRST);
        loop {
            let why = match self.backend.post(posted).await {
                Ok(response) => return Ok(response),
                Err(why) => why,
            };
            let (url, root) = (&self.backend.url, root(&why));
            if !why.is_connect() {
                let text = format!(
                    "the connection to the backend broke before it answered: {root}; the prompt may have reached \
                     it, and is not sent again"
                );
                return Err(text.into());
            }
            let tried = began.elapsed();
            let left = self.start_timeout.saturating_sub(tried);
            if left.is_zero() {
                tracing::warn!(%url, why = %root, "the backend cannot be reached");
                let seconds = tried.as_secs();
                return Err(format!("the backend cannot be reached for {seconds} s: {root}").into());
            }
            if wait == FIRST {
                tracing::warn!(%url, why = %root, "the backend cannot be reached, and is tried again");
            } else {
                tracing::debug!(%url, why = %root, "the backend cannot be reached, and is tried again");
            }
            sleep(wait.min(left)).await;
            wait = (2 * wait).min(LONGEST);
        }
    }

    /// Says that a turn is to stop.
    async fn tell(&self, target: &Target, turn: &Turn) {
        let posted = request::interrupt(turn);
        let (session, turn) = (turn.session(), turn.id());
        match timeout(self.interrupt_timeout, target.post(&posted)).await {
            Ok(Ok(response)) if response.status().is_success() => {}
            Ok(Ok(response)) => {
                let status = response.status();
                tracing::warn!(%session, %turn, %status, "the backend refused an interrupt");
            }
            Ok(Err(why)) => {
                let why = root(&why);
                tracing::warn!(%session, %turn, %why, "the backend could not be told of an interrupt");
            }
            Err(_) => {
                tracing::warn!(%session, %turn, "the backend did not answer an interrupt in time");
            }
        }
    }

    async fn say_goodbye(&self, target: &Target, context: &CloseoutContext) -> Result<(), Failure> {
        let posted = request::closeout(context, &self.history).await?;
        let response = target.post(&posted).await.map_err(|why| root(&why))?;
        Ok(response::read(response, Output::Closeout(context), self.entry_bytes).await?)
    }
}

impl Worker for Gateway {
    type Run = ();

    async fn start(&self, _: WorkerContext) -> Result<(), Failure> {
        Ok(())
    }

    async fn answer(&self, (): &mut (), turn: Turn) -> Result<(), Failure> {
        // Dropped at the end, and not before the backend is told: then the connection closes.
        let mut exchange = pin!(self.exchange(&turn));
        let ended = tokio::select! {
            biased;
            () = turn.cancellation().cancelled() => Ok(()),
            ended = &mut exchange => ended,
        };
        if turn.cancellation().is_cancelled() {
            if let Some(target) = &self.interrupt {
                self.tell(target, &turn).await;
            }
        }
        ended
    }

    async fn close_out(&self, (): (), context: CloseoutContext) {
        let Some(target) = &self.closeout else { return };
        let session = context.context().session();
        match timeout(self.closeout_timeout, self.say_goodbye(target, &context)).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => tracing::warn!(%session, %why, "the backend failed to close out"),
            Err(_) => tracing::warn!(%session, "the backend did not close out in time"),
        }
    }
}

//! What belongs to a gateway.

use std::time::Duration;

use super::backend_url::BackendUrl;

/// What a gateway sends, and how long it waits. Start from the default and set what is to differ.
///
/// ```
/// # use std::time::Duration;
/// # use outlive_gateway::GatewayOptions;
/// let options = GatewayOptions::default().history(100, 64 << 10).start_timeout(Duration::from_secs(5));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct GatewayOptions {
    pub(crate) interrupt: Option<BackendUrl>,
    pub(crate) closeout: Option<BackendUrl>,
    pub(crate) history: History,
    pub(crate) start_timeout: Duration,
    pub(crate) interrupt_timeout: Duration,
    pub(crate) closeout_timeout: Duration,
    pub(crate) entry_bytes: usize,
}

/// How the backend gets the conversation so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum History {
    Entries { entries: usize, bytes: usize },
    Url(String),
}

impl Default for GatewayOptions {
    fn default() -> GatewayOptions {
        GatewayOptions {
            interrupt: None,
            closeout: None,
            history: History::Entries { entries: 10_000, bytes: 1 << 20 },
            start_timeout: Duration::from_secs(60),
            interrupt_timeout: Duration::from_secs(5),
            closeout_timeout: Duration::from_secs(60),
            entry_bytes: 4 << 20,
        }
    }
}

impl GatewayOptions {
    /// Is posted to when a turn is interrupted or its session is stopped, before the turn's request is closed. None by
    /// default: then the request is closed at once, which most backends notice at their next write.
    pub fn interrupt(self, url: BackendUrl) -> GatewayOptions {
        GatewayOptions { interrupt: Some(url), ..self }
    }

    /// Is posted to when a session closes out. The response is read as that of a prompt, and is the session's last output.
    /// None by default: then the session ends without a word to the backend.
    pub fn closeout(self, url: BackendUrl) -> GatewayOptions {
        GatewayOptions { closeout: Some(url), ..self }
    }

    /// Each request carries the newest entries of the log: at most so many, and at most so many bytes of them. With 0 there
    /// are none. 10 000 entries and 1 MiB by default.
    pub fn history(self, entries: usize, bytes: usize) -> GatewayOptions {
        GatewayOptions { history: History::Entries { entries, bytes }, ..self }
    }

    /// Each request carries a URL where the log can be read, in place of entries: `BASE/sessions/SESSION/events?until=head`.
    /// `base` is the URL at which the backend reaches the endpoints, as in `http://127.0.0.1:7878`.
    pub fn history_url(self, base: impl Into<String>) -> GatewayOptions {
        let base = base.into().trim_end_matches('/').to_owned();
        GatewayOptions { history: History::Url(base), ..self }
    }

    /// How long a turn's request is tried again while no connection to the backend can be opened. 60 seconds by default.
    pub fn start_timeout(self, start_timeout: Duration) -> GatewayOptions {
        GatewayOptions { start_timeout, ..self }
    }

    /// How long the backend may take to answer an interrupt. 5 seconds by default; shorter than
    /// [`Limits::interrupt_ms`](outlive::Limits::interrupt_ms), or the worker is taken for one that does not react.
    pub fn interrupt_timeout(self, interrupt_timeout: Duration) -> GatewayOptions {
        GatewayOptions { interrupt_timeout, ..self }
    }

    /// How long a closeout may take, with its response. 60 seconds by default; shorter than
    /// [`Limits::closeout_ms`](outlive::Limits::closeout_ms).
    pub fn closeout_timeout(self, closeout_timeout: Duration) -> GatewayOptions {
        GatewayOptions { closeout_timeout, ..self }
    }

    /// The longest line, event or JSON document of a response, in bytes; a longer one fails its turn. 4 MiB by default, as
    /// [`HubOptions::body_bytes`](outlive_server::hub::HubOptions::body_bytes), which holds in any case.
    pub fn entry_bytes(self, entry_bytes: usize) -> GatewayOptions {
        GatewayOptions { entry_bytes, ..self }
    }
}

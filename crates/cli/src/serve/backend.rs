//! `outlive serve --backend`: who answers, if it is not the demo.

use std::time::Duration;

use outlive_gateway::{BackendUrl, Gateway, GatewayError, GatewayOptions};

/// The flags whose names begin with `--backend`.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of the backend (docs/gateway.md)")]
pub(super) struct Backend {
    /// Answer prompts by this backend: each is one POST, and the streamed response is the turn. As in
    /// `http://127.0.0.1:8000/answer` or `unix:/run/app.sock:/answer`. Without it a demo answers.
    #[arg(long = "backend", value_name = "URL")]
    url: Option<BackendUrl>,
    /// Post here when a turn is interrupted, before its request is closed.
    #[arg(long = "backend-interrupt", value_name = "URL", requires = "url")]
    interrupt: Option<BackendUrl>,
    /// Post here when a session closes out; the response is its last output.
    #[arg(long = "backend-closeout", value_name = "URL", requires = "url")]
    closeout: Option<BackendUrl>,
    /// Send at most so many entries of the conversation so far, the newest; 0 sends none.
    #[arg(
        long = "backend-history-entries",
        value_name = "N",
        default_value_t = 10_000,
        requires = "url"
    )]
    history_entries: usize,
    /// Send at most so many bytes of them.
    #[arg(
        long = "backend-history-bytes",
        value_name = "N",
        default_value_t = 1 << 20,
        requires = "url"
    )]
    history_bytes: usize,
    /// Send a URL where the backend can read the conversation, in place of entries. BASE is where it reaches this
    /// server, as in `http://127.0.0.1:7878`.
    #[arg(
        long = "backend-history-url",
        value_name = "BASE",
        requires = "url",
        value_parser = base,
        conflicts_with_all = ["history_entries", "history_bytes"]
    )]
    history_url: Option<String>,
    /// Try so many seconds to reach a backend that takes no connection, before the turn fails.
    #[arg(
        long = "backend-start-timeout",
        value_name = "SECONDS",
        default_value_t = 60,
        requires = "url"
    )]
    start_timeout: u32,
    /// Wait so many seconds for the answer to an interrupt.
    #[arg(
        long = "backend-interrupt-timeout",
        value_name = "SECONDS",
        default_value_t = 5,
        requires = "url",
        value_parser = clap::value_parser!(u32).range(1..=9)
    )]
    interrupt_timeout: u32,
    /// Wait so many seconds for the end of a closeout.
    #[arg(
        long = "backend-closeout-timeout",
        value_name = "SECONDS",
        default_value_t = 60,
        requires = "url",
        value_parser = clap::value_parser!(u32).range(1..=119)
    )]
    closeout_timeout: u32,
}

fn base(text: &str) -> Result<String, String> {
    let base: BackendUrl = text.parse().map_err(|why| format!("{why}"))?;
    if text.starts_with("unix:") || text.contains('?') {
        return Err("it is the http or https URL of this server, without a query".into());
    }
    Ok(base.to_string())
}

impl Backend {
    /// None if the demo answers.
    pub(super) fn url(&self) -> Option<&BackendUrl> {
        self.url.as_ref()
    }

    pub(super) fn gateway(&self) -> Result<Option<Gateway>, GatewayError> {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let Some(url) = &self.url else { return Ok(None) };
        let options = GatewayOptions::default()
            .start_timeout(seconds(self.start_timeout))
            .interrupt_timeout(seconds(self.interrupt_timeout))
            .closeout_timeout(seconds(self.closeout_timeout));
        let options = match &self.history_url {
            Some(base) => options.history_url(base),
            None => options.history(self.history_entries, self.history_bytes),
        };
        let options = match &self.interrupt {
            Some(url) => options.interrupt(url.clone()),
            None => options,
        };
        let options = match &self.closeout {
            Some(url) => options.closeout(url.clone()),
            None => options,
        };
        Gateway::new(url.clone(), options).map(Some)
    }
}

//! `outlive serve --backend`: who answers, if it is not the demo.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use outlive_gateway::{BackendUrl, Gateway, GatewayOptions, OpenAi, ParseBackendUrlError};

/// Has the key of a model's server, if no file has it.
const KEY: &str = "OUTLIVE_BACKEND_KEY";

/// Where a backend is, and whether it is of `OpenAI`'s form.
#[derive(Clone, Debug)]
pub(super) struct Place {
    openai: bool,
    url: BackendUrl,
}

const OPENAI: &str = "openai+";

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        let base = text.strip_prefix(OPENAI);
        let url = base.unwrap_or(text).parse().map_err(|why: ParseBackendUrlError| {
            format!("{why}, or for a model {OPENAI}http://127.0.0.1:8000/v1")
        })?;
        Ok(Place { openai: base.is_some(), url })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.openai { OPENAI } else { "" }, self.url)
    }
}

/// The flags whose names begin with `--backend`.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of the backend (docs/gateway.md)")]
pub(super) struct Backend {
    /// Answer prompts by this backend: each is one POST, and the streamed response is the turn. As in
    /// `http://127.0.0.1:8000/answer` or `unix:/run/app.sock:/answer`. With `openai+` before it, as in
    /// `openai+http://127.0.0.1:8000/v1`, a model answers at `/chat/completions` below it. Without it a demo answers.
    #[arg(long = "backend", value_name = "URL")]
    url: Option<Place>,
    /// The model's name, for a backend of `openai+`.
    #[arg(
        long = "backend-model",
        value_name = "NAME",
        requires = "url",
        value_parser = NonEmptyStringValueParser::new()
    )]
    model: Option<String>,
    /// The first message to a model: what it is, and how it is to answer.
    #[arg(long = "backend-system", value_name = "TEXT", requires = "model")]
    system: Option<String>,
    /// The first line of this file is the key for the model's server. Without it the environment variable
    /// `OUTLIVE_BACKEND_KEY` has it, or there is none.
    #[arg(long = "backend-key-file", value_name = "FILE", requires = "model")]
    key_file: Option<PathBuf>,
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
    pub(super) fn url(&self) -> Option<&Place> {
        self.url.as_ref()
    }

    /// Reads the file with the key.
    pub(super) fn gateway(&self) -> Result<Option<Gateway>, String> {
        let Some(Place { openai, url }) = &self.url else { return Ok(None) };
        let options = self.options();
        let gateway = match (openai, &self.model) {
            (false, None) => Gateway::new(url.clone(), options),
            (true, Some(model)) => {
                let openai = OpenAi::new(model);
                let openai = self.system.iter().fold(openai, OpenAi::system);
                let openai = match self.key()? {
                    Some((key, whose)) => {
                        openai.key(&key).map_err(|why| format!("{whose}: {why}"))?
                    }
                    None => openai,
                };
                Gateway::openai(url.clone(), openai, options)
            }
            (true, None) => {
                return Err(format!(
                    "--backend {OPENAI}{url}: which model is to answer? Name it: --backend-model NAME"
                ));
            }
            (false, Some(_)) => {
                return Err(format!(
                    "--backend-model is for a server of OpenAI's form: --backend {OPENAI}{url}"
                ));
            }
        };
        gateway.map(Some).map_err(|why| format!("--backend: {why}"))
    }

    /// The key, and where it is from.
    fn key(&self) -> Result<Option<(String, String)>, String> {
        if let Some(file) = &self.key_file {
            let whose = format!("--backend-key-file: {}", file.display());
            let text = std::fs::read_to_string(file);
            let text = text.map_err(|why| format!("{whose} cannot be read: {why}"))?;
            return Ok(Some((text.lines().next().unwrap_or_default().trim().to_owned(), whose)));
        }
        match std::env::var(KEY) {
            Ok(key) => Ok(Some((key, KEY.to_owned()))),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err(format!("{KEY} is no text")),
        }
    }

    fn options(&self) -> GatewayOptions {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
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
        match &self.closeout {
            Some(url) => options.closeout(url.clone()),
            None => options,
        }
    }
}

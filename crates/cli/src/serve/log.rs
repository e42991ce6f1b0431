//! How the log is written.

use std::io::{self, IsTerminal as _};

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::Exit;
use crate::output::fail;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    #[default]
    Text,
    Json,
}

impl LogFormat {
    /// From here on what this process has to say goes into the log.
    pub(super) fn begin(self) {
        let filter = EnvFilter::try_from_default_env()
            .unwrap_or_else(|_| "outlive=warn,outlive::serve=info".into());
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
        match self {
            LogFormat::Text => {
                let terminal = io::stderr().is_terminal();
                log.with_ansi(terminal && std::env::var_os("NO_COLOR").is_none()).init();
            }
            LogFormat::Json => {
                log.json().flatten_event(true).init();
                // A worker's panic is a line like any other.
                std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
            }
        }
    }

    /// Says why the process ends.
    pub(super) fn fail(self, why: &str) -> Exit {
        match self {
            LogFormat::Text => fail(why),
            LogFormat::Json => {
                tracing::error!("{why}");
                Exit::Unusable
            }
        }
    }
}

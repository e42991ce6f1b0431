//! What is logged, for tests that wait for it.

use std::fmt::{Debug, Write as _};
use std::sync::LazyLock;

use tokio::sync::broadcast;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// All that this process logs from here on. A test looks for its own.
pub(super) fn hear() -> broadcast::Receiver<String> {
    static LINES: LazyLock<broadcast::Sender<String>> = LazyLock::new(|| {
        let lines = broadcast::Sender::new(10_000);
        tracing::subscriber::set_global_default(Hearing(lines.clone())).unwrap();
        tracing::callsite::rebuild_interest_cache();
        lines
    });
    LINES.subscribe()
}

/// Waits for a line with all of these parts.
pub(super) async fn line(lines: &mut broadcast::Receiver<String>, parts: &[&str]) -> String {
    loop {
        let line = super::stage::soon(lines.recv()).await.unwrap();
        if parts.iter().all(|part| line.contains(part)) {
            return line;
        }
    }
}

struct Hearing(broadcast::Sender<String>);

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Hearing {
    fn enabled(&self, of: &Metadata<'_>) -> bool {
        *of.level() <= Level::DEBUG && of.target().starts_with("outlive")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        // Nobody may be listening.
        _ = self.0.send(text.0);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

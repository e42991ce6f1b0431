//! What is logged.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use tracing::subscriber::DefaultGuard;

type Hear = Box<dyn Fn(String) + Send + Sync>;

/// Hears what is logged, from a level on.
pub(crate) struct Told(tracing::Level, Hear);

impl Told {
    /// Keeps what is logged on this thread.
    pub(crate) fn from(level: tracing::Level) -> (Arc<Mutex<Vec<String>>>, DefaultGuard) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&told);
        let logs = Told::to(level, move |text| kept.lock().unwrap().push(text));
        (told, tracing::subscriber::set_default(logs))
    }

    pub(crate) fn to(level: tracing::Level, hear: impl Fn(String) + Send + Sync + 'static) -> Told {
        Told(level, Box::new(hear))
    }
}

/// What an event says, field by field.
struct Text(String);

impl tracing::field::Visit for Text {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl tracing::Subscriber for Told {
    fn enabled(&self, of: &tracing::Metadata<'_>) -> bool {
        *of.level() <= self.0 && of.target().starts_with("outlive")
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        (self.1)(text.0);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

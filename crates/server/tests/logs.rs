//! What is logged.

use std::cell::RefCell;
use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex, Once};

use tracing::Level;

type Hear = Box<dyn Fn(Level, String) + Send + Sync>;
type Lines = Arc<Mutex<Vec<String>>>;

/// Hears what is logged in this process.
///
/// There is one for all tests: of a subscriber that is only one thread's, a line that another thread reaches first
/// is taken for one that nothing wants, and stays lost (tracing-core 0.1).
pub(crate) struct Told(Hear);

thread_local! {
    static KEPT: RefCell<Option<(Level, Lines)>> = const { RefCell::new(None) };
}

/// While it lives, what is logged on its thread is kept.
pub(crate) struct Keeping;

impl Drop for Keeping {
    fn drop(&mut self) {
        KEPT.set(None);
    }
}

impl Told {
    /// Keeps what is logged on this thread, from a level on.
    pub(crate) fn from(level: Level) -> (Lines, Keeping) {
        static HEARING: Once = Once::new();
        HEARING.call_once(|| {
            Told::to(|of, text| {
                KEPT.with_borrow(|kept| match kept {
                    Some((level, lines)) if of <= *level => lines.lock().unwrap().push(text),
                    Some(_) | None => {}
                });
            });
        });
        let lines = Lines::default();
        KEPT.set(Some((level, Arc::clone(&lines))));
        (lines, Keeping)
    }

    /// Hears every thread, for the rest of the process.
    pub(crate) fn to(hear: impl Fn(Level, String) + Send + Sync + 'static) {
        tracing::subscriber::set_global_default(Told(Box::new(hear))).unwrap();
        // A line that was reached meanwhile has found no subscriber yet.
        tracing::callsite::rebuild_interest_cache();
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
        of.target().starts_with("outlive")
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        (self.0)(*event.metadata().level(), text.0);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

//! Sees every step: for the page, for the numbers, and for a trace.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use outlive::check::trace::Recorder;
use outlive::ids::ConnectionId;
use outlive::log::LogId;
use outlive::session::{Event, Snapshot, Step};
use outlive::{CloseCode, Limits, State};
use outlive_server::http::Relay;
use outlive_server::hub::{NodeEvent, Observer};
use outlive_server::store::SessionId;
use serde_json::json;
use tokio::sync::broadcast;

use super::numbers::{Numbers, word};

/// What was seen.
#[derive(Debug)]
pub(super) struct Watch {
    steps: broadcast::Sender<Arc<Seen>>,
    numbers: Mutex<Numbers>,
    /// If this process is one of several nodes.
    relay: OnceLock<Relay>,
    /// None from the first write that failed: a trace with a hole is none.
    recorder: Mutex<Option<Recorder<File>>>,
}

/// A step, for the page.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) session: SessionId,
    pub(super) json: String,
}

impl Watch {
    pub(super) fn new(record: Option<&Path>) -> io::Result<Watch> {
        let recorder = record.map(open).transpose()?.map(Recorder::new);
        Ok(Watch {
            steps: broadcast::Sender::new(1_024),
            numbers: Mutex::default(),
            relay: OnceLock::new(),
            recorder: Mutex::new(recorder),
        })
    }

    pub(super) fn steps(&self) -> broadcast::Receiver<Arc<Seen>> {
        self.steps.subscribe()
    }

    /// The state of a session that is in memory.
    pub(super) fn state(&self, session: &SessionId) -> Option<State> {
        lock(&self.numbers).state(session)
    }

    pub(super) fn numbers(&self) -> String {
        lock(&self.numbers).text(self.relay.get().map(Relay::counts))
    }

    /// What is passed on to other nodes is counted too.
    pub(super) fn passes_on(&self, relay: Relay) {
        _ = self.relay.set(relay);
    }

    /// Nothing is recorded from here on.
    pub(super) fn finish(&self) {
        *lock(&self.recorder) = None;
    }

    fn record(&self, write: impl FnOnce(&mut Recorder<File>) -> io::Result<()>) {
        let mut recorder = lock(&self.recorder);
        if let Some(Err(why)) = recorder.as_mut().map(write) {
            tracing::error!(%why, "the trace cannot be written, and ends here");
            *recorder = None;
        }
    }
}

/// The file of a trace, to be written on. A kill or a full disk leaves its last line cut off: that line goes, since
/// each process begins with what it has loaded.
///
/// # Errors
/// The file's; and one whose last line is cut off and not a trace's, which nobody meant.
fn open(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let whole = file.metadata()?.len();
    let mut line = Vec::new();
    file.seek(SeekFrom::Start(whole.saturating_sub(LONGEST)))?;
    file.read_to_end(&mut line)?;
    if let Some(end) = line.iter().rposition(|byte| *byte == b'\n') {
        line.drain(..=end);
    }
    if !line.is_empty() {
        if !(line.starts_with(BEGINNING) || BEGINNING.starts_with(&line)) {
            let why = "it ends with half a line that is none of a trace; --record appends to a file of its own";
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        file.set_len(whole - line.len() as u64)?;
        tracing::warn!(path = %path.display(), "the last line of the trace was cut off, and is removed");
    }
    Ok(file)
}

/// No line of a trace is longer, in bytes: a file that has a longer one last is none.
const LONGEST: u64 = 1 << 20;

/// How each line begins: whose it is.
const BEGINNING: &[u8] = b"{\"session\":\"";

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The hub's view of a [`Watch`].
#[derive(Debug)]
pub(super) struct Watching(pub(super) Arc<Watch>);

impl Observer for Watching {
    fn on_load(
        &self,
        session: &SessionId,
        limits: &Limits,
        log: LogId,
        snapshot: Option<&Snapshot>,
    ) {
        let state = snapshot.map_or(State::Created, |snapshot| snapshot.state);
        lock(&self.0.numbers).began(session, state);
        self.0.record(|recorder| match snapshot {
            None => recorder.session(session.as_str()).created(limits, log),
            Some(start) => recorder.session(session.as_str()).restored(limits, start.clone()),
        });
    }

    fn on_step(&self, session: &SessionId, event: &Event, step: &Step) {
        let before = lock(&self.0.numbers).stepped(session, step);
        self.0.record(|recorder| recorder.session(session.as_str()).step(event, step));
        if self.0.steps.receiver_count() > 0 {
            let rules: Vec<_> = step.rules().map(|row| [row.id, row.because]).collect();
            let json = json!({
                "from": before,
                "trigger": step.trigger(),
                "rules": rules,
                "verdict": word(step.verdict()),
                "state": step.next.state(),
                // As text: a browser cannot read all the numbers in it.
                "event": serde_json::to_string(event).unwrap_or_default(),
            });
            // No page may be left.
            _ = self
                .0
                .steps
                .send(Arc::new(Seen { session: session.clone(), json: json.to_string() }));
        }
    }

    fn on_commit(&self, _: &SessionId, entries: usize, took: Duration, kept: bool) {
        lock(&self.0.numbers).committed(entries, took, kept);
    }

    fn on_unload(&self, session: &SessionId) {
        lock(&self.0.numbers).left(session);
    }

    fn on_node(&self, event: NodeEvent) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        lock(&self.0.numbers).node(event, now);
    }

    fn on_connect(&self, _: ConnectionId) {
        lock(&self.0.numbers).connected();
    }

    fn on_disconnect(&self, _: ConnectionId, code: Option<CloseCode>) {
        lock(&self.0.numbers).disconnected(code);
    }
}

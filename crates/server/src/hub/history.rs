//! The log of a session, for its worker to read.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::store::{Cause, SessionId, Store, StoreError};
use outlive::ids::Seq;
use outlive::wire::{Entry, Line};

/// What is retained of a session's log: prompts, outputs, ends of turns.
#[derive(Clone)]
pub struct History {
    pub(super) store: Arc<dyn Store>,
    pub(super) session: SessionId,
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("History").field(&self.session).finish()
    }
}

/// An entry of the log that is retained.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// Its place.
    pub seq: Seq,
    /// When it was committed, in milliseconds since the Unix epoch; never before the entry that precedes it. 0 in a log
    /// of before times were kept.
    pub at: u64,
    /// What it says.
    pub entry: Entry,
}

impl HistoryEntry {
    fn of((seq, line): (Seq, Bytes)) -> Result<HistoryEntry, StoreError> {
        let Line { at, entry } = parse(&line)?;
        Ok(HistoryEntry { seq, at, entry })
    }
}

/// How much is read at a time, in bytes.
const PAGE: usize = 256 << 10;

/// How many entries are read back at a time.
const BLOCK: usize = 256;

impl History {
    /// The last entry that was trimmed, or 0: then [`entries`](History::entries) gives the whole conversation. What
    /// is read begins with the entry after it, so a worker knows where its memory is cut off.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn base(&self) -> Result<Seq, StoreError> {
        let stored = self.store.load(&self.session).await?;
        Ok(stored.map_or(Seq(0), |stored| stored.snapshot.log.base))
    }

    /// All that is retained, in order. A long log takes its time: a worker that keeps in
    /// its [`Run`](crate::hub::Worker::Run) what it remembers reads it once.
    ///
    /// Not the whole conversation if the log was trimmed: see [`base`](History::base). And more than what is over:
    /// also prompts that are not answered yet are in the log, the one that a worker is started for and those that
    /// wait behind this turn. A turn has happened when its end is there:
    ///
    /// ```
    /// use std::collections::BTreeMap;
    ///
    /// use outlive::TurnOutcome;
    /// use outlive_server::hub::{Failure, History, HistoryEntry};
    /// use outlive::wire::Entry;
    ///
    /// /// Each prompt that was answered, with its answer.
    /// async fn conversation(history: &History) -> Result<Vec<(String, String)>, Failure> {
    ///     let (mut open, mut answered) = (BTreeMap::new(), Vec::new());
    ///     for HistoryEntry { seq, entry, .. } in history.entries().await? {
    ///         match entry {
    ///             // Read only if it was answered: a body that is no text must fail its own turn alone.
    ///             Entry::Prompt { .. } => _ = open.insert(seq, (entry, String::new())),
    ///             Entry::Output { turn: Some(turn), .. } => {
    ///                 if let Some((_, answer)) = open.get_mut(&turn) {
    ///                     answer.push_str(&entry.deserialize::<String>()?);
    ///                 }
    ///             }
    ///             Entry::TurnEnd { turn, outcome: TurnOutcome::Completed, .. } => {
    ///                 if let Some((prompt, answer)) = open.remove(&turn) {
    ///                     answered.push((prompt.deserialize()?, answer));
    ///                 }
    ///             }
    ///             // Turns that failed; and those that were stopped or cut off, whose beginning was seen by those
    ///             // who watched: a conversation that is to remember them takes other outcomes as well.
    ///             _ => {}
    ///         }
    ///     }
    ///     Ok(answered)
    /// }
    /// # use outlive_server::hub::{Author, Hub, Turn};
    /// # use outlive::ids::PromptNumber;
    /// # async fn answer(turn: Turn) -> Result<(), Failure> {
    /// #     let prompt: String = turn.prompt().deserialize()?;
    /// #     let before = conversation(turn.history()).await?;
    /// #     turn.emit(&format!("{prompt} after {}", before.len())).await?;
    /// #     Ok(())
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # let hub = Hub::builder().build(answer).await.unwrap();
    /// # let session = hub.create().await.unwrap();
    /// # for (n, prompt) in (1..).zip(["a", "b"]) {
    /// #     let n = PromptNumber::try_from(n).unwrap();
    /// #     hub.session(&session).prompt(Author { principal: "ann", client: "laptop" }, n, &prompt).await.unwrap();
    /// # }
    /// # let history = hub.history(&session);
    /// # let all = loop {
    /// #     let all = conversation(&history).await.unwrap();
    /// #     if all.len() == 2 { break all }
    /// #     tokio::task::yield_now().await;
    /// # };
    /// # assert_eq!(all, [("a", "a after 0"), ("b", "b after 1")].map(|(a, b)| (a.into(), b.into())));
    /// # });
    /// ```
    ///
    /// # Errors
    /// The store does not answer, or holds what is no entry.
    pub async fn entries(&self) -> Result<Vec<HistoryEntry>, StoreError> {
        let Some(stored) = self.store.load(&self.session).await? else { return Ok(Vec::new()) };
        let lines = self.lines(stored.snapshot.log.base.next(), stored.snapshot.log.head).await?;
        lines.into_iter().map(HistoryEntry::of).collect()
    }

    /// The newest entries, in order: at most so many, and at most so many bytes of them as they
    /// are stored. It reads little more than it returns, however long the log is. The conversation is whole if the
    /// first one is the entry 1.
    ///
    /// # Errors
    /// As [`entries`](History::entries).
    pub async fn latest(
        &self,
        entries: usize,
        bytes: usize,
    ) -> Result<Vec<HistoryEntry>, StoreError> {
        let mut base = None;
        loop {
            let Some(stored) = self.store.load(&self.session).await? else { return Ok(Vec::new()) };
            let log = stored.snapshot.log;
            match self.last_lines(log.base.next(), log.head, entries, bytes).await {
                // It was trimmed while it was read: what is left is newer.
                Err(StoreError::Trimmed) if base.is_none_or(|before| before < log.base) => {
                    base = Some(log.base);
                }
                Err(why) => return Err(why),
                Ok(lines) => {
                    return lines.into_iter().map(HistoryEntry::of).collect();
                }
            }
        }
    }

    /// The last lines of a range, read back from its end.
    async fn last_lines(
        &self,
        first: Seq,
        head: Seq,
        entries: usize,
        bytes: usize,
    ) -> Result<Vec<(Seq, Bytes)>, StoreError> {
        let (mut newest, mut to, mut count, mut size) = (Vec::new(), head, 0, 0);
        'full: while first <= to && count < entries {
            let block = BLOCK.min(entries - count);
            let from = Seq(to.0.saturating_sub(u64::try_from(block - 1).unwrap_or(u64::MAX)));
            let from = from.max(first);
            for (seq, line) in self.lines(from, to).await?.into_iter().rev() {
                size += line.len();
                if size > bytes {
                    break 'full;
                }
                count += 1;
                newest.push((seq, line));
            }
            to = from.previous();
        }
        newest.reverse();
        Ok(newest)
    }

    /// The lines of a range, in order, each with its place.
    async fn lines(&self, mut from: Seq, to: Seq) -> Result<Vec<(Seq, Bytes)>, StoreError> {
        let mut all = Vec::new();
        while from <= to {
            let page = self.store.read(&self.session, from, to, PAGE).await?;
            if page.is_empty() {
                return Err(StoreError::Corrupt("a range is read as nothing".into()));
            }
            for line in page {
                all.push((from, line));
                from = from.next();
            }
        }
        Ok(all)
    }
}

/// The line at a place.
pub(super) async fn line(
    store: &dyn Store,
    session: &SessionId,
    seq: Seq,
) -> Result<Line, StoreError> {
    let lines = store.read(session, seq, seq, usize::MAX).await?;
    lines.first().ok_or(StoreError::Trimmed).and_then(|line| parse(line))
}

/// When the entry at a place was committed; 0 if that cannot be known.
pub(super) async fn time(
    store: &dyn Store,
    session: &SessionId,
    seq: Seq,
) -> Result<u64, StoreError> {
    match line(store, session, seq).await {
        Ok(line) => Ok(line.at),
        Err(StoreError::Trimmed | StoreError::Corrupt(_)) => Ok(0),
        Err(why) => Err(why),
    }
}

fn parse(line: &[u8]) -> Result<Line, StoreError> {
    serde_json::from_slice(line).map_err(|why| StoreError::Corrupt(Cause::from_error(why)))
}

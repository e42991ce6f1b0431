//! The log's edges, and where a viewer that comes back goes on.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::Seq;
use crate::vocabulary::vocabulary;

/// The id of a log: at least 64 random bits from the driver, renewed whenever a suffix may have been
/// lost. Never a counter, so that a cursor of before cannot fit by accident (race R5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(pub u64);

/// As it is written everywhere else.
impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogId({self})")
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// What does not name a place in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseCursorError {
    /// Not a log id.
    #[error("a log id is up to 16 lower-case hexadecimal digits")]
    Log,
    /// Not a cursor.
    #[error("a cursor is a log id, a dot and a decimal place, as in `9f3a.42`")]
    Cursor,
}

impl FromStr for LogId {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.is_empty() || !text.bytes().all(digits) {
            return Err(ParseCursorError::Log);
        }
        u64::from_str_radix(text, 16).map(LogId).map_err(|_| ParseCursorError::Log)
    }
}

/// How far a viewer has applied a log: its id and the place of the last entry applied. One value, kept
/// and sent as one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// The log that was read.
    pub log: LogId,
    /// The last entry that was applied; 0 if none was.
    pub seq: Seq,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.log, self.seq)
    }
}

impl FromStr for Cursor {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (log, seq) = text.split_once('.').ok_or(ParseCursorError::Cursor)?;
        if seq.is_empty() || !seq.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ParseCursorError::Cursor);
        }
        let seq = seq.parse().map_err(|_| ParseCursorError::Cursor)?;
        Ok(Cursor { log: log.parse()?, seq: Seq(seq) })
    }
}

/// What a viewer claims to have applied when it attaches. Total: whatever text came is one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResumeFrom {
    /// No cursor: a first visit.
    Nothing,
    /// A cursor.
    At(Cursor),
    /// Text that is no cursor.
    Malformed,
}

impl ResumeFrom {
    /// Reads what a viewer sent.
    pub fn parse(text: Option<&str>) -> ResumeFrom {
        match text {
            None => ResumeFrom::Nothing,
            Some(text) => text.parse().map_or(ResumeFrom::Malformed, ResumeFrom::At),
        }
    }
}

/// In JSON: `null`, the cursor's text, or any other text, which is malformed.
impl Serialize for ResumeFrom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            ResumeFrom::Nothing => serializer.serialize_none(),
            ResumeFrom::At(cursor) => serializer.serialize_str(&cursor.to_string()),
            ResumeFrom::Malformed => serializer.serialize_str("malformed"),
        }
    }
}

impl<'de> Deserialize<'de> for ResumeFrom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(ResumeFrom::parse(Option::<String>::deserialize(deserializer)?.as_deref()))
    }
}

/// In JSON: the hexadecimal text, since other languages cannot read 64 bits as a number.
impl Serialize for LogId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_string())
    }
}

impl<'de> Deserialize<'de> for LogId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// In JSON: its text, `"9f3a.42"`.
impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

vocabulary! {
    /// Why a viewer's cursor is of no use.
    ResetReason as "snake_case" {
        LogChanged = "The cursor is of another log: this one may lack what that one had.",
        CursorAhead = "The cursor is beyond the end of the log. It is never taken for up to date.",
        Malformed = "The text is no cursor.",
    }
}

/// Where a viewer that attaches goes on. Explicit and total; never silently partial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "docs", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AttachOutcome {
    /// No cursor came: everything that is retained follows.
    Fresh,
    /// Everything after the cursor follows; nothing is missing.
    Resumed {
        /// The first entry that follows, or will.
        from: Seq,
    },
    /// Entries the viewer has not seen are not retained any more; the rest follows.
    Gap {
        /// The first entry that is missing.
        lost_from: Seq,
        /// The last entry that is missing.
        lost_to: Seq,
    },
    /// The viewer must forget what it has; everything that is retained follows.
    Reset {
        /// What was wrong with the cursor.
        why: ResetReason,
    },
}

/// The edges of a session's log. Entries `base + 1 ..= head` are retained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Which log this is.
    pub id: LogId,
    /// The last entry that was trimmed; 0 if none was.
    pub base: Seq,
    /// The last entry; 0 if there is none.
    pub head: Seq,
}

impl Log {
    /// An empty log.
    pub const fn new(id: LogId) -> Log {
        Log { id, base: Seq(0), head: Seq(0) }
    }

    /// What the welcome of a viewer with this claim says, and the first entry that the viewer is sent.
    pub fn attach(&self, claim: ResumeFrom) -> (AttachOutcome, Seq) {
        let start = self.base.next();
        let reset = |why| (AttachOutcome::Reset { why }, start);
        match claim {
            ResumeFrom::Nothing => (AttachOutcome::Fresh, start),
            ResumeFrom::Malformed => reset(ResetReason::Malformed),
            ResumeFrom::At(cursor) if cursor.log != self.id => reset(ResetReason::LogChanged),
            ResumeFrom::At(cursor) if cursor.seq > self.head => reset(ResetReason::CursorAhead),
            ResumeFrom::At(cursor) if cursor.seq < self.base => {
                let lost_from = cursor.seq.next();
                (AttachOutcome::Gap { lost_from, lost_to: self.base }, start)
            }
            ResumeFrom::At(cursor) => {
                let from = cursor.seq.next();
                (AttachOutcome::Resumed { from }, from)
            }
        }
    }

    /// Appends an entry and returns its place.
    pub(crate) fn append(&mut self) -> Seq {
        self.extend(1)
    }

    /// Appends a batch and returns the place of its first entry.
    pub(crate) fn extend(&mut self, count: u32) -> Seq {
        let first = self.head.next();
        self.head = Seq(self.head.0 + u64::from(count));
        first
    }

    /// Trims to the newest `retention` entries, but never an entry after `floor`.
    pub(crate) fn trim(&mut self, retention: u64, floor: Seq) {
        let surplus = Seq(self.head.0.saturating_sub(retention));
        self.base = self.base.max(surplus.min(floor));
    }
}

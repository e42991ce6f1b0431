//! The checks, and what they return.

use std::fmt;

use strum::VariantArray;

outlive::vocabulary! {
    /// What a store is held to.
    Check as "snake_case" {
        KeptIsRead = "What was committed is there: the record, its version, and every line.",
        RecordsComeBack = "Whatever a session's record can be, it comes back as it was, also for another owner.",
        VersionsAgree = "A commit that expects another version is stale, and changes nothing.",
        OneWins = "Of commits that expect the same version, one is kept.",
        OwnerFirst = "An owner that has not opened the store commits nothing.",
        NewestOwns = "The newest opener owns the store: all others are stale, and change nothing.",
        FencedAtOnce = "Once the store is opened, nothing of an owner of before comes in, also what was on its way.",
        ReopenedAsItWas = "Another owner sees exactly what was committed.",
        Forgotten = "A session that was forgotten is gone, with its log; its name can be used again.",
        EveryRange = "Every range of a log is read in order, without gaps, whatever was committed at once.",
        OutsideIsTrimmed = "A range that is not wholly retained is refused, never cut to what is there.",
        BoundedInBytes = "A read ends where its bytes are used up, and has one line at least.",
        BaseMoves = "Trimming moves the base to where the record says: no further, and no less.",
        LargeAndStrange = "Lines of any length and script come back byte by byte, and many at once.",
        Interleaved = "Many sessions at once do not disturb each other.",
        RefusedAlone = "A commit that is refused disturbs none that is on its way with it.",
        SeenTogether = "Record and log are seen together: at no moment one without the other.",
        DroppedIsDecided = "A commit whose future was dropped is kept, or is not, and the version says which.",
        UnknownIsSettled = "A commit whose result is unknown is in the record that is read next, or never comes in.",
        UnfinishedPages = "Sessions that have not ended are listed page by page, each once, whatever is forgotten meanwhile; also if a page is asked for again.",
        OfAPrincipal = "The sessions of a principal are listed page by page, the newest first, each once, with no session of others; the first commit names the principal, and the list is there for the next owner.",
        UnfinishedMany = "More sessions than a hub asks for at once are listed to the last one.",
    }
}

impl Check {
    /// Every check, in the order in which [`run`](super::run) makes them.
    pub const ALL: &[Check] = Check::VARIANTS;
}

/// A check that a store does not pass.
///
/// `Debug` is as readable as `Display`, since it is what `unwrap` prints.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{check}: {}\n  {why}", .check.meaning())]
#[non_exhaustive]
pub struct CheckError {
    /// The check.
    pub check: Check,
    /// What the check saw.
    pub why: String,
}

impl fmt::Debug for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What a check saw that should not be.
pub(super) type CheckResult = Result<(), String>;

/// Returns what the check saw, unless a condition holds.
macro_rules! ensure {
    ($holds:expr, $($message:tt)+) => {
        if !$holds {
            return Err(format!($($message)+));
        }
    };
}
pub(super) use ensure;

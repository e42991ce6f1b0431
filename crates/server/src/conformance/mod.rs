//! What any store must pass: [`run`] holds one to everything that [`Store`] promises, and the test of a
//! store is a few lines.
//!
//! ```
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
//! use outlive_server::conformance;
//! use outlive_server::store::Memory;
//!
//! // Called for each check: a fresh place. What it returns gives the store at this place, each time to
//! // another owner, as other processes would have it.
//! let fresh = || {
//!     let place = Memory::new();
//!     async move || place.another()
//! };
//! conformance::run(fresh).await.unwrap();
//! # });
//! ```
//!
//! Run it on a runtime with several threads, with a clock that is not paused. What a kit in one process
//! cannot see is a power cut: kill the process, and look.
//!
//! [`Faulty`] is the counterpart for who uses stores: any store, with failures that were planned.

mod crowd;
mod faulty;
mod lists;
mod logs;
mod model;
mod owners;
mod records;
mod walk;

use std::fmt;

use strum::VariantArray;

pub use faulty::{Call, Fault, Faulty, seeded};

use crate::store::Store;

outlive::vocabulary! {
    /// What a store is held to.
    Check as "snake_case" {
        KeptIsRead = "What was committed is there: the record, its version, and every line.",
        RecordsComeBack = "Whatever a session's record can be, it comes back as it was, also for another owner.",
        VersionsAgree = "A commit that expects another version is stale, and changes nothing.",
        OneWins = "Of commits that expect the same version, one is kept.",
        OwnerFirst = "Who has not opened the store commits nothing.",
        NewestOwns = "Who opened the store last owns it: all others are stale, and change nothing.",
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
        UnfinishedPages = "Sessions that have not ended are listed page by page, each once, whatever is forgotten meanwhile; also if a page is asked for again.",
        UnfinishedMany = "More sessions than a hub asks for at once are listed to the last one.",
    }
}

/// A check that a store does not pass.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which.
    pub check: Check,
    /// What was seen.
    pub why: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  {}", self.check, self.check.meaning(), self.why)
    }
}

/// As for people: it is what `unwrap` prints.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What a check saw.
type Verdict = Result<(), String>;

/// Says what was seen, and that it should not be so.
macro_rules! ensure {
    ($holds:expr, $($said:tt)+) => {
        if !$holds {
            return Err(std::format!($($said)+));
        }
    };
}
use ensure;

/// Holds a store to every [`Check`]. `fresh` makes a place where nothing was kept yet; what it returns
/// gives the store at that place, which is then [opened](Store::open) by the check.
///
/// # Errors
/// The checks it does not pass.
pub async fn run<S, A, F>(fresh: F) -> Result<(), Vec<Failure>>
where
    S: Store,
    A: AsyncFn() -> S,
    F: Fn() -> A,
{
    let mut failures = Vec::new();
    for check in Check::VARIANTS {
        failures.extend(self::check(*check, fresh()).await.err());
    }
    if failures.is_empty() { Ok(()) } else { Err(failures) }
}

/// Holds a store to one check, at a place where nothing was kept yet: for who wants to know in which one it
/// hangs. `Check::VARIANTS`, of strum's `VariantArray`, has all of them.
///
/// # Errors
/// It does not pass.
pub async fn check<S: Store, A: AsyncFn() -> S>(check: Check, again: A) -> Result<(), Failure> {
    let verdict = match check {
        Check::KeptIsRead => records::kept_is_read(&again).await,
        Check::RecordsComeBack => walk::records_come_back(&again).await,
        Check::VersionsAgree => records::versions_agree(&again).await,
        Check::OneWins => crowd::one_wins(&again).await,
        Check::OwnerFirst => owners::owner_first(&again).await,
        Check::NewestOwns => owners::newest_owns(&again).await,
        Check::FencedAtOnce => owners::fenced_at_once(&again).await,
        Check::ReopenedAsItWas => owners::reopened_as_it_was(&again).await,
        Check::Forgotten => records::forgotten(&again).await,
        Check::EveryRange => logs::every_range(&again).await,
        Check::OutsideIsTrimmed => logs::outside_is_trimmed(&again).await,
        Check::BoundedInBytes => logs::bounded_in_bytes(&again).await,
        Check::BaseMoves => logs::base_moves(&again).await,
        Check::LargeAndStrange => logs::large_and_strange(&again).await,
        Check::Interleaved => crowd::interleaved(&again).await,
        Check::RefusedAlone => crowd::refused_alone(&again).await,
        Check::SeenTogether => crowd::seen_together(&again).await,
        Check::DroppedIsDecided => crowd::dropped_is_decided(&again).await,
        Check::UnfinishedPages => lists::unfinished_pages(&again).await,
        Check::UnfinishedMany => lists::unfinished_many(&again).await,
    };
    verdict.map_err(|why| Failure { check, why })
}

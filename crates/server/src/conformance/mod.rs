//! Checks that any store must pass: [`run`] tests everything that [`Store`] promises, in a few lines.
//!
//! ```
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
//! use outlive_server::conformance;
//! use outlive_server::store::Memory;
//!
//! // Called for each check, with a fresh place. What it returns opens the store at this place, each time for
//! // another owner, as other processes would.
//! let fresh = || {
//!     let place = Memory::new();
//!     async move || place.another()
//! };
//! conformance::run(fresh).await.unwrap();
//! # });
//! ```
//!
//! A store that [several nodes](Store::lease) share is held to more: [`run_nodes`] tests claims, releases and leases, with
//! handles for nodes of several names.
//!
//! Run it on a runtime with several threads, with a clock that is not paused. A test in one process cannot see
//! what a power cut does: kill the process, and check what it has committed.
//!
//! [`FaultyStore`] is the counterpart for code that uses stores: any store, with planned failures.

mod check;
mod crowd;
mod faulty;
mod lists;
mod logs;
mod model;
mod nodes;
mod owners;
mod principals;
mod records;
mod rng;
mod walk;

pub use check::{Check, CheckError};
pub use faulty::{FaultyStore, StoreCall, StoreFault, seeded_faults};
pub use nodes::{NodeCheck, NodeCheckError, check_nodes, run_nodes};

use crate::store::Store;

/// Makes every [`Check`]. `fresh` makes a place where nothing is stored yet; what it returns gives a store at that
/// place, which the check [opens](Store::open).
///
/// # Errors
/// The checks that the store does not pass.
pub async fn run<S, A, F>(fresh: F) -> Result<(), Vec<CheckError>>
where
    S: Store,
    A: AsyncFn() -> S,
    F: Fn() -> A,
{
    let mut failures = Vec::new();
    for check in Check::ALL {
        failures.extend(self::check(*check, fresh()).await.err());
    }
    if failures.is_empty() { Ok(()) } else { Err(failures) }
}

/// Makes one check, at a place where nothing is stored yet: to find out in which check a store hangs.
///
/// # Errors
/// The store does not pass.
pub async fn check<S: Store, A: AsyncFn() -> S>(check: Check, reopen: A) -> Result<(), CheckError> {
    let verdict = match check {
        Check::KeptIsRead => records::kept_is_read(&reopen).await,
        Check::RecordsComeBack => walk::records_come_back(&reopen).await,
        Check::VersionsAgree => records::versions_agree(&reopen).await,
        Check::OneWins => crowd::one_wins(&reopen).await,
        Check::OwnerFirst => owners::owner_first(&reopen).await,
        Check::NewestOwns => owners::newest_owns(&reopen).await,
        Check::FencedAtOnce => owners::fenced_at_once(&reopen).await,
        Check::ReopenedAsItWas => owners::reopened_as_it_was(&reopen).await,
        Check::Forgotten => records::forgotten(&reopen).await,
        Check::EveryRange => logs::every_range(&reopen).await,
        Check::OutsideIsTrimmed => logs::outside_is_trimmed(&reopen).await,
        Check::BoundedInBytes => logs::bounded_in_bytes(&reopen).await,
        Check::BaseMoves => logs::base_moves(&reopen).await,
        Check::LargeAndStrange => logs::large_and_strange(&reopen).await,
        Check::Interleaved => crowd::interleaved(&reopen).await,
        Check::RefusedAlone => crowd::refused_alone(&reopen).await,
        Check::SeenTogether => crowd::seen_together(&reopen).await,
        Check::DroppedIsDecided => crowd::dropped_is_decided(&reopen).await,
        Check::UnknownIsSettled => records::unknown_is_settled(&reopen).await,
        Check::UnfinishedPages => lists::unfinished_pages(&reopen).await,
        Check::OfAPrincipal => principals::of_a_principal(&reopen).await,
        Check::UnfinishedMany => lists::unfinished_many(&reopen).await,
    };
    verdict.map_err(|why| CheckError { check, why })
}

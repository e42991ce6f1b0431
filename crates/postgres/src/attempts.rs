//! Which of this node's statements a session's row still takes.
//!
//! A commit whose result is unknown may still be on its way. So the row has a number, `attempt`; each commit names the one
//! that it belongs to, and the row takes none of an earlier one. To settle what is unknown is to raise the number in the
//! row. Here stand the numbers of the sessions in whose rows it is not 0.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use outlive_server::store::SessionId;

#[derive(Debug, Default)]
struct Attempt {
    /// The number in the row, as far as is known.
    number: i32,
    /// The highest number that this node has tried to write into the row.
    tried: i32,
    /// Whether a statement of this number may still be on its way.
    unknown: bool,
}

#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<HashMap<SessionId, Attempt>>);

impl Attempts {
    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Attempt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number that a commit of the session names.
    pub(super) fn of(&self, session: &SessionId) -> i32 {
        self.lock().get(session).map_or(0, |attempt| attempt.number)
    }

    /// A statement may still be on its way.
    pub(super) fn unknown(&self, session: &SessionId) {
        self.lock().entry(session.clone()).or_default().unknown = true;
    }

    /// Whether one is.
    pub(super) fn is_unknown(&self, session: &SessionId) -> bool {
        self.lock().get(session).is_some_and(|attempt| attempt.unknown)
    }

    /// A number that is higher than that of any statement which may still be on its way; 0 if there is none.
    pub(super) fn next(&self, session: &SessionId) -> i32 {
        self.lock().get_mut(session).map_or(0, |attempt| {
            attempt.tried = attempt.tried.max(attempt.number) + 1;
            attempt.tried
        })
    }

    /// The row has this number, and takes nothing earlier; or the session is not this node's, whose statements it does
    /// not take at all.
    pub(super) fn settled(&self, session: &SessionId, number: i32) {
        if let Some(attempt) = self.lock().get_mut(session) {
            attempt.number = attempt.number.max(number);
            attempt.unknown = false;
        }
    }

    /// The row has this number.
    pub(super) fn seen(&self, session: &SessionId, number: i32) {
        let mut attempts = self.lock();
        if number > 0 {
            let attempt = attempts.entry(session.clone()).or_default();
            attempt.number = attempt.number.max(number);
        }
    }

    /// This node has given the session up.
    pub(super) fn released(&self, session: &SessionId) {
        let mut attempts = self.lock();
        if attempts.get(session).is_some_and(|attempt| !attempt.unknown) {
            attempts.remove(session);
        }
    }

    /// This node has another epoch, which none of its earlier statements names.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_try_to_settle_has_a_number_of_its_own() {
        let (attempts, session) = (Attempts::default(), SessionId::from_random(7));
        assert_eq!((attempts.of(&session), attempts.next(&session)), (0, 0));
        attempts.unknown(&session);
        assert_eq!((attempts.next(&session), attempts.next(&session)), (1, 2));
        attempts.settled(&session, 2);
        attempts.seen(&session, 1);
        assert_eq!((attempts.of(&session), attempts.is_unknown(&session)), (2, false));
    }

    #[test]
    fn what_is_unknown_is_not_forgotten_with_the_ownership() {
        let (attempts, session) = (Attempts::default(), SessionId::from_random(7));
        attempts.seen(&session, 3);
        attempts.unknown(&session);
        attempts.released(&session);
        assert_eq!((attempts.of(&session), attempts.is_unknown(&session)), (3, true));
        attempts.settled(&session, 4);
        attempts.released(&session);
        assert_eq!((attempts.of(&session), attempts.next(&session)), (0, 0));
    }
}

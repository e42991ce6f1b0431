//! Laws about what must come to pass.

use std::prelude::v1::*;

use super::model::{Encoding, Model};
use super::report::Violation;
use super::search::Limits;
use super::store::Store;
use super::worker::Context;

/// Why the laws about what must come to pass cannot be judged for this model, if they cannot.
pub(super) fn refusal<M: Model, E: Encoding<M>>(context: &Context<'_, M, E>) -> Option<String> {
    (context.symmetric && !context.laws.leads_to.is_empty())
        .then(|| "laws of the form leads-to cannot be judged under symmetry".to_owned())
}

pub(super) fn judge<M: Model, E: Encoding<M>>(
    _context: Context<'_, M, E>,
    _store: &Store<E::Key>,
    _limits: &Limits<'_>,
) -> Result<Vec<Violation>, String> {
    Ok(Vec::new())
}

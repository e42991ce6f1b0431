//! From stored states back to a behaviour of real steps, by taking the steps again.

use std::hash::Hash;

use super::encoding::Encoding;
use super::model::{Model, Trace};
use super::store::{Id, Store};
use super::worker::Context;

/// Why a behaviour cannot be found again: states which should be alike are told apart, by a law or
/// by a step.
pub(super) const NO_SYMMETRY: &str =
    "`canonical` is no symmetry of this model (or the model is not deterministic)";

/// The least of the shortest behaviours which lead to a state, or to one like it.
///
/// With symmetry the states kept are representatives; the behaviour found here is still one of the
/// model, which visits states like them.
pub(super) fn trace_to<M: Model, E: Encoding<M>>(
    context: Context<'_, M, E>,
    store: &Store<E::Key>,
    id: Id,
) -> Result<Trace<M>, String> {
    let mut ids = Vec::from([id]);
    ids.extend(std::iter::successors(store.parent(id), |&id| store.parent(id)));
    ids.reverse();
    let keys: Vec<_> = ids.into_iter().map(|id| store.key(id).clone()).collect();
    along(context, &keys)
}

/// The least behaviour through these states.
fn along<M: Model, E: Encoding<M>>(
    context: Context<'_, M, E>,
    keys: &[E::Key],
) -> Result<Trace<M>, String>
where
    E::Key: Hash,
{
    let mut trace = begin_at(context, &keys[0])?;
    for key in &keys[1..] {
        if !trace.extend(context.model, |step| is(context, key, step.after)) {
            return Err(NO_SYMMETRY.to_owned());
        }
    }
    Ok(trace)
}

/// The behaviour which begins in the initial state with this key.
pub(super) fn begin_at<M: Model, E: Encoding<M>>(
    context: Context<'_, M, E>,
    key: &E::Key,
) -> Result<Trace<M>, String> {
    let initial = context.model.initial();
    initial
        .iter()
        .position(|state| is(context, key, state))
        .and_then(|index| Trace::begin(context.model, index))
        .ok_or_else(|| NO_SYMMETRY.to_owned())
}

/// Whether `key` is that of `state`, or of its representative.
pub(super) fn is<M: Model, E: Encoding<M>>(
    context: Context<'_, M, E>,
    key: &E::Key,
    state: &M::State,
) -> bool {
    context.encoding.pack_owned(context.representative(state.clone())) == *key
}

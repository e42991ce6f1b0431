//! The laws, each named once, with its sentence.
//!
//! They are written without looking at how a step is made: over rows (shape, at build time), over steps
//! ([`of_step`]: in every step of a debug build, in every replayed trace, in every world), over what the
//! driver was told ([`Witness`]) and over worlds (the feature `check`, where the connections, the worker,
//! the store and the clients are played as well).

mod client;
mod connection;
mod step;
mod witness;

use alloc::string::String;

use strum::VariantArray;

use crate::table::proof::fail;

pub use client::{of_client, over_client_steps};
pub use connection::of_connection;
pub use step::{of_step, over_steps};
pub use witness::Witness;

pub use crate::law::{Law, Place};

/// The laws that are asked about steps are those that the list of laws places there.
const _: () = {
    let (session, client, all) = (step::STEP_LAWS, client::CLIENT_LAWS, Law::VARIANTS);
    let mut l = 0;
    while l < all.len() {
        let mut asked = false;
        let mut i = 0;
        while i < session.len() {
            asked |= session[i].0 as usize == l;
            i += 1;
        }
        i = 0;
        while i < client.len() {
            asked |= client[i].0 as usize == l;
            i += 1;
        }
        if asked != all[l].is_checked(Place::Step) {
            fail(&["the line of ", all[l].into_str(), " is wrong about steps"]);
        }
        l += 1;
    }
};

/// A broken law, and how it was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{law}: {detail}")]
pub struct Breach {
    /// The law.
    pub law: Law,
    /// What was seen.
    pub detail: String,
}

fn ensure(holds: bool, detail: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(detail()) }
}

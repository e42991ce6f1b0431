//! A refusal of the server over HTTP.

use serde::Deserialize;

/// What a server says of a request that it refuses.
#[derive(Deserialize)]
pub(super) struct Problem {
    pub(super) message: String,
}

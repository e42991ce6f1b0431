//! The client: its machine told as stories, walked at random, held in its worlds, compared with the one in
//! JavaScript, and driven over real sockets.

mod machine;
#[cfg(all(feature = "docs", feature = "check"))]
mod vectors;
mod walks;
#[cfg(feature = "check")]
mod worlds;

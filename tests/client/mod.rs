//! The client: its machine told as stories, walked at random, held in its worlds, compared with the one in
//! JavaScript, and driven over real sockets.

#[cfg(feature = "client")]
mod driver;
#[cfg(all(feature = "client", feature = "axum"))]
mod hub;
mod machine;
#[cfg(all(feature = "client", feature = "axum"))]
mod proxy;
#[cfg(all(feature = "client", feature = "axum"))]
mod tls;
#[cfg(all(feature = "docs", feature = "check"))]
mod vectors;
mod walks;
#[cfg(feature = "check")]
mod worlds;

//! What belongs to the endpoints, and neither to sessions nor to the hub.

/// What one principal may have, and one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointLimits {
    /// Connections of one principal, over all sessions.
    pub connections: u32,
    /// Attaches of one principal that may come at once.
    pub attaches: u32,
    /// How long it takes until one more may come, in milliseconds.
    pub attach_ms: u32,
    /// Principals that are remembered; those without a connection are forgotten first.
    pub principals: usize,
    /// The largest frame that a WebSocket may send, in bytes.
    pub frame_bytes: usize,
    /// Frames of one connection that may be no frames before it is closed.
    pub mistakes: u32,
    /// After what time a browser comes back to a stream of events, in milliseconds.
    pub retry_ms: u32,
    /// How long a stream of events may live, in milliseconds; each ends somewhere in the second half of it,
    /// with a close of [`Reauthenticate`](outlive::CloseCode::Reauthenticate), and its reader goes on with a
    /// new one. None: until something else ends it. See [the module](super#peers-that-are-gone).
    pub sse_ms: Option<u32>,
}

impl Default for EndpointLimits {
    fn default() -> EndpointLimits {
        EndpointLimits {
            connections: 64,
            attaches: 128,
            attach_ms: 250,
            principals: 10_000,
            frame_bytes: 256 << 10,
            mistakes: 10,
            retry_ms: 2_000,
            sse_ms: Some(300_000),
        }
    }
}

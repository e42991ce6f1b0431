//! What belongs to the hub itself.

/// What belongs to the hub, and not to the sessions' [`Limits`](outlive::Limits).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// How long a transport may take to say hello, in milliseconds.
    pub hello_ms: u32,
    /// How long a peer may take to answer a close.
    pub close_ms: u32,
    /// How often an endpoint pings, and the hub asks whether the store is still its own. Told to clients in
    /// the welcome.
    pub ping_ms: u32,
    /// The largest body of a prompt, an answer or a piece of output, in bytes.
    pub body_bytes: usize,
    /// How much of the log a viewer that reads back is sent at a time, in bytes, and at most
    /// [`Limits::batch`](outlive::Limits) entries. One that is larger is sent alone.
    pub page_bytes: usize,
    /// How much of a watched session's newest entries is kept in memory, ready to be sent, in bytes.
    pub tail_bytes: usize,
    /// Sessions that are recovered at a time after a restart.
    pub recoveries: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            hello_ms: 10_000,
            close_ms: 5_000,
            ping_ms: 25_000,
            body_bytes: 4 << 20,
            page_bytes: 256 << 10,
            tail_bytes: 256 << 10,
            recoveries: 64,
        }
    }
}

//! Limits of the endpoints, beside those of sessions and of the hub.

use std::time::Duration;

/// What one principal, and one connection, may use. [`Default`] has the values that are named here.
///
/// ```
/// # use std::time::Duration;
/// # use outlive_server::http::EndpointLimits;
/// let limits = EndpointLimits::default().connections(8).stream_lifetime(Duration::from_secs(60));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct EndpointLimits {
    pub(super) connections: u32,
    pub(super) attach_burst: u32,
    pub(super) attach_interval: Duration,
    pub(super) principals: usize,
    pub(super) frame_bytes: usize,
    pub(super) hello_bytes: usize,
    pub(super) malformed_frames: u32,
    pub(super) retry_delay: Duration,
    pub(super) bodies: u32,
    pub(super) bodies_bytes: usize,
    pub(super) bodies_in_all: u32,
    pub(super) bodies_bytes_in_all: usize,
    pub(super) body_timeout: Duration,
    pub(super) stream_lifetime: Option<Duration>,
}

impl Default for EndpointLimits {
    fn default() -> EndpointLimits {
        EndpointLimits {
            connections: 64,
            attach_burst: 128,
            attach_interval: Duration::from_millis(250),
            principals: 10_000,
            frame_bytes: 256 << 10,
            hello_bytes: 16 << 10,
            malformed_frames: 10,
            retry_delay: Duration::from_secs(2),
            bodies: 32,
            bodies_bytes: 32 << 20,
            bodies_in_all: 1_024,
            bodies_bytes_in_all: 256 << 20,
            body_timeout: Duration::from_secs(120),
            stream_lifetime: Some(Duration::from_secs(300)),
        }
    }
}

impl EndpointLimits {
    /// Clients of one principal that are connected, over all sessions; in each session each name counts once, also
    /// while its older connection hangs. As many connections may wait that have not attached. What is beyond is told
    /// to come back: a WebSocket by a `goaway` and a close with 1013, a request by 429. Default: 64.
    pub fn connections(mut self, connections: u32) -> EndpointLimits {
        self.connections = connections;
        self
    }

    /// Attaches that one principal may make at once. Default: 128.
    pub fn attach_burst(mut self, attaches: u32) -> EndpointLimits {
        self.attach_burst = attaches;
        self
    }

    /// The time after which one more attach is allowed, when the burst is used up; at least 1 ms.
    /// Default: 250 ms.
    pub fn attach_interval(mut self, interval: Duration) -> EndpointLimits {
        self.attach_interval = interval;
        self
    }

    /// Principals whose attaches are counted; those without a connection are forgotten first.
    /// Default: 10,000.
    pub fn principals(mut self, principals: usize) -> EndpointLimits {
        self.principals = principals;
        self
    }

    /// The largest frame that a client may send over a WebSocket, in bytes. It may take as long as it takes, if a byte of
    /// it comes within each two [pings](crate::hub::HubOptions::ping_interval). Default: 256 KiB.
    pub fn frame_bytes(mut self, bytes: usize) -> EndpointLimits {
        self.frame_bytes = bytes;
        self
    }

    /// What a WebSocket may send in all until its attach frame is read, in bytes; the attach frame, with its token, has to
    /// fit. Beyond it, the connection is closed with 1009. A peer that is not known yet costs no more memory than
    /// this. Default: 16 KiB.
    pub fn hello_bytes(mut self, bytes: usize) -> EndpointLimits {
        self.hello_bytes = bytes;
        self
    }

    /// With so many malformed frames a connection is closed. Default: 10.
    pub fn malformed_frames(mut self, frames: u32) -> EndpointLimits {
        self.malformed_frames = frames;
        self
    }

    /// Bodies of one principal's requests that are read at a time; one more is refused with 429. Default: 32.
    pub fn bodies(mut self, bodies: u32) -> EndpointLimits {
        self.bodies = bodies;
        self
    }

    /// Bytes of such bodies in memory while they are read; the body that would go beyond is refused with 429, unless it
    /// is the only one. Default: 32 MiB.
    pub fn bodies_bytes(mut self, bytes: usize) -> EndpointLimits {
        self.bodies_bytes = bytes;
        self
    }

    /// As [`bodies`](EndpointLimits::bodies), of all principals together. Default: 1,024.
    pub fn bodies_in_all(mut self, bodies: u32) -> EndpointLimits {
        self.bodies_in_all = bodies;
        self
    }

    /// As [`bodies_bytes`](EndpointLimits::bodies_bytes), of all principals together. Default: 256 MiB.
    pub fn bodies_bytes_in_all(mut self, bytes: usize) -> EndpointLimits {
        self.bodies_bytes_in_all = bytes;
        self
    }

    /// How long a body may take to arrive; then the request is refused with 408. Default: 2 minutes.
    pub fn body_timeout(mut self, timeout: Duration) -> EndpointLimits {
        self.body_timeout = timeout;
        self
    }

    /// The time after which a browser reconnects a stream of events: its `retry` field. Default: 2 s.
    pub fn retry_delay(mut self, delay: Duration) -> EndpointLimits {
        self.retry_delay = delay;
        self
    }

    /// The longest time that a stream of events lives; `None`: until something else ends it. Each stream ends
    /// at a random time in the second half, with a close of
    /// [`Reauthenticate`](outlive::CloseCode::Reauthenticate), and its reader resumes with a new one. See
    /// [the module](super#peers-that-are-gone). Default: 5 minutes.
    pub fn stream_lifetime(mut self, lifetime: impl Into<Option<Duration>>) -> EndpointLimits {
        self.stream_lifetime = lifetime.into();
        self
    }
}

//! What a session weighs. Benchmarks count what it allocates.

use outlive::session::{Connection, Event, Session};

#[test]
fn a_session_is_small_enough_to_keep_a_million_of_them() {
    let session = size_of::<Session>();
    assert!(session <= 256, "{session} bytes");
    #[cfg(target_pointer_width = "64")]
    insta::assert_snapshot!(
        format!("Session {session}, each connection {}, Event {}", size_of::<Connection>(), size_of::<Event>()),
        @"Session 208, each connection 64, Event 48"
    );
}

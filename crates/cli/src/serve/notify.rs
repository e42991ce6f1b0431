//! What systemd is told, with `Type=notify`: see `man sd_notify`.

/// Tells the service manager that started this process, if one did, how it stands.
#[cfg(target_os = "linux")]
pub(super) fn systemd(state: &str) {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&name),
    };
    let sent = address
        .and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
    if let Err(why) = sent {
        tracing::warn!(%why, "systemd cannot be told: {state}");
    }
}

/// There is no systemd.
#[cfg(not(target_os = "linux"))]
pub(super) fn systemd(_: &str) {}

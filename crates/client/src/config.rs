//! What a client was built with, and where it dials.

use super::address::Target;
use super::dial::Dialer;
use super::update::ClientState;
use outlive::client::Settings;

/// How many updates that move the cursor wait for the application before the socket is read no further.
pub(super) const WAITING: usize = 64;
/// How many updates wait before news that moves no cursor gives way to newer news.
pub(super) const NEWS: usize = 2 * WAITING;

/// What a client was built with.
pub(super) struct Config {
    pub(super) token: Box<dyn FnMut() -> Option<String> + Send>,
    pub(super) settings: Settings,
    pub(super) state: ClientState,
    pub(super) save: Box<dyn FnMut(&ClientState) + Send>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            token: Box::new(|| None),
            settings: Settings::default(),
            state: ClientState { ticket: 1, ..ClientState::default() },
            save: Box::new(|_| {}),
        }
    }
}

/// The way to a session's WebSocket.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) address: String,
    pub(super) target: Target,
    pub(super) dialer: Dialer,
}

/// 32 random bits. Without a source of them clients come back in step, which is bad and no reason to fail.
pub(super) fn random() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
}

//! Ids and fences. An event that carries a stale one changes nothing, whatever it is.

use core::num::NonZeroU64;

use serde::{Deserialize, Serialize};

/// Declares a number with a meaning: transparent in JSON, never mixed up with another one.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident($of:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $of);

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A connection's fence. The driver counts them up and never uses one twice in a session's life.
    ConnectionId(u64)
}
id! {
    /// A client, which prompts and watches. It keeps its id over reconnects; one that lost its storage takes
    /// a new one.
    ClientId(u64)
}
id! {
    /// Who answers for clients, such as a user: all clients of one principal share what a session's limits give one
    /// principal. A driver that tells no principals apart names the same one for all; 0 is as good as any.
    PrincipalId(u64)
}
id! {
    /// Which life of the worker this is, from 1. Every worker event carries it.
    Incarnation(u32)
}
id! {
    /// The generation of a timer: counted up whenever the timer is armed.
    Generation(u32)
}
id! {
    /// The place of an entry in the log, gapless from 1. A turn is named by the entry of its prompt, an
    /// ask by its own entry. 0 is the place before the first entry.
    Seq(u64)
}
id! {
    /// Stands for a prompt's body, which stays with the driver: equal bodies, equal digests.
    Digest(u64)
}

/// The number of a client's prompt, counted from 1 per client: with the client it is the prompt's key.
pub type PromptNumber = NonZeroU64;

/// Whether it is what it is taken for where it is left out: then it is not written down.
pub(crate) fn is_default<T: Default + PartialEq>(it: &T) -> bool {
    *it == T::default()
}

impl Seq {
    /// The largest place: 2^53 − 1, so that every language reads it exactly.
    pub const MAX: Seq = Seq((1 << 53) - 1);

    /// The place after this one.
    #[must_use]
    pub const fn next(self) -> Seq {
        Seq(self.0 + 1)
    }

    /// The place before this one; the place before the first is itself.
    #[must_use]
    pub const fn previous(self) -> Seq {
        Seq(self.0.saturating_sub(1))
    }
}

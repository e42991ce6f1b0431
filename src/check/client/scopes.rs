//! The worlds of a client, as data.

use super::world_state::Budget;
use crate::client::Settings;
use crate::words::CloseCode;

/// What may happen in a world, and how often.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// How many prompts may wait.
    pub outbox: u16,
    /// The codes that the server closes with.
    pub codes: &'static [CloseCode],
    /// How often what may happen.
    pub budget: Budget,
}

impl Scope {
    pub(super) fn settings(&self) -> Settings {
        Settings { outbox: self.outbox, failed_attaches: 2, ..Settings::default() }
    }
}

const NOTHING: Budget = Budget {
    outputs: 0,
    trims: 0,
    losses: 0,
    cuts: 0,
    closes: 0,
    alarms: 0,
    late: 0,
    hides: 0,
    networks: 0,
    prompts: 0,
    refusals: 0,
    commands: 0,
    stops: 0,
    reloads: 0,
    lies: 0,
    rivals: 0,
};

const PLAIN: Scope =
    Scope { name: "", about: "", outbox: 2, codes: &[CloseCode::Error], budget: NOTHING };

/// Connections break, and the log moves on meanwhile.
pub const CLIENT_RECONNECTS: Scope = Scope {
    name: "client_reconnects",
    about: "a client's connections break, the log grows and is trimmed",
    budget: Budget { outputs: 2, trims: 1, cuts: 3, alarms: 1, late: 1, ..NOTHING },
    ..PLAIN
};

/// Prompts that are sent, refused, lost on the way, and sent again.
pub const CLIENT_PROMPTS: Scope = Scope {
    name: "client_prompts",
    about: "a client prompts over connections that break; the server refuses",
    budget: Budget { cuts: 1, prompts: 3, refusals: 1, commands: 1, late: 1, ..NOTHING },
    ..PLAIN
};

/// The server takes a prompt later, and meanwhile the page is hidden, or told of a network.
pub const CLIENT_REFUSALS: Scope = Scope {
    name: "client_refusals",
    about: "a server refuses a client's prompt for now, and the page is hidden, or told of a network",
    budget: Budget { outputs: 1, prompts: 1, refusals: 2, hides: 1, networks: 1, ..NOTHING },
    ..PLAIN
};

/// The page is hidden and shown, and prompts meanwhile.
pub const CLIENT_PAGES: Scope = Scope {
    name: "client_pages",
    about: "a client's page is hidden and shown, and prompts meanwhile",
    budget: Budget { outputs: 1, cuts: 1, hides: 2, prompts: 1, stops: 1, ..NOTHING },
    ..PLAIN
};

/// The server closes, with each rule for what the client does then.
pub const CLIENT_CLOSES: Scope = Scope {
    name: "client_closes",
    about: "the server closes a client's connections, with every kind of code",
    codes: &[
        CloseCode::Ended,
        CloseCode::Unauthenticated,
        CloseCode::Error,
        CloseCode::Moved,
        CloseCode::Invalidated,
        CloseCode::TooBig,
    ],
    budget: Budget { prompts: 1, refusals: 1, closes: 3, late: 1, ..NOTHING },
    ..PLAIN
};

/// A server leaves, or its proxy does not reach it: it says so, goes on closing, or breaks off.
pub const CLIENT_DRAINS: Scope = Scope {
    name: "client_drains",
    about: "a client's server says that it leaves, closes what still comes, and is gone for a while",
    codes: &[CloseCode::Restart],
    budget: Budget { outputs: 1, cuts: 1, closes: 3, alarms: 1, stops: 1, ..NOTHING },
    ..PLAIN
};

/// The server loses the end of its log: cursors and numbers of before do not fit.
pub const CLIENT_LOSSES: Scope = Scope {
    name: "client_losses",
    about: "the server loses the end of its log, and with it prompts that a client was told of",
    budget: Budget { outputs: 1, losses: 1, cuts: 1, prompts: 2, ..NOTHING },
    ..PLAIN
};

/// Two holders of one client name: a duplicated tab, two processes with one saved state, a cloned machine.
pub const CLIENT_RIVALS: Scope = Scope {
    name: "client_rivals",
    about: "somebody else who holds a client's name prompts under it, while its own connections break",
    budget: Budget { cuts: 1, prompts: 2, reloads: 1, rivals: 2, ..NOTHING },
    ..PLAIN
};

/// The page is loaded anew, and goes on from what was saved.
pub const CLIENT_RELOADS: Scope = Scope {
    name: "client_reloads",
    about: "a client's page is loaded anew and goes on from what was saved",
    budget: Budget { outputs: 1, trims: 1, prompts: 2, refusals: 1, reloads: 1, ..NOTHING },
    ..PLAIN
};

/// The server sends what no honest server sends.
pub const CLIENT_LIES: Scope = Scope {
    name: "client_lies",
    about: "the server of a client leaves out entries, repeats them, and sends welcomes that do not fit",
    budget: Budget { outputs: 1, lies: 2, late: 1, prompts: 1, ..NOTHING },
    ..PLAIN
};

/// The worlds of every run.
pub const DEFAULT: &[Scope] = &[
    CLIENT_RECONNECTS,
    CLIENT_PROMPTS,
    CLIENT_REFUSALS,
    CLIENT_PAGES,
    CLIENT_CLOSES,
    CLIENT_DRAINS,
    CLIENT_LOSSES,
    CLIENT_RIVALS,
    CLIENT_RELOADS,
    CLIENT_LIES,
];

/// The worlds in which mutants are looked for first.
pub const SMALL: &[Scope] = &[
    Scope {
        name: "client_small_reconnects",
        budget: Budget { outputs: 2, trims: 1, cuts: 1, ..NOTHING },
        ..CLIENT_RECONNECTS
    },
    Scope {
        name: "client_small_prompts",
        budget: Budget { cuts: 1, prompts: 2, refusals: 1, commands: 1, ..NOTHING },
        ..CLIENT_PROMPTS
    },
    Scope {
        name: "client_small_pages",
        budget: Budget { cuts: 1, hides: 1, networks: 1, prompts: 1, stops: 1, ..NOTHING },
        ..CLIENT_PAGES
    },
    Scope {
        name: "client_small_closes",
        budget: Budget { prompts: 1, closes: 2, ..NOTHING },
        ..CLIENT_CLOSES
    },
    Scope {
        name: "client_small_drains",
        budget: Budget { cuts: 1, closes: 2, alarms: 1, ..NOTHING },
        ..CLIENT_DRAINS
    },
    Scope {
        name: "client_small_rivals",
        budget: Budget { trims: 1, prompts: 1, rivals: 1, ..NOTHING },
        ..CLIENT_RIVALS
    },
    Scope {
        name: "client_small_lies",
        budget: Budget { outputs: 1, lies: 1, late: 1, ..NOTHING },
        ..CLIENT_LIES
    },
    Scope {
        name: "client_small_invalid",
        codes: &[CloseCode::RateLimited, CloseCode::Invalidated],
        budget: Budget { closes: 2, hides: 1, ..NOTHING },
        ..CLIENT_CLOSES
    },
    Scope {
        name: "client_small_full",
        outbox: 1,
        budget: Budget { prompts: 2, stops: 1, ..NOTHING },
        ..CLIENT_PROMPTS
    },
];

/// How large they are: states and steps.
pub const PINNED: &[(&str, u64, u64)] = &[
    ("client_reconnects", 174_864, 1_117_931),
    ("client_prompts", 305_768, 1_810_845),
    ("client_refusals", 59_576, 213_147),
    ("client_pages", 272_019, 1_399_582),
    ("client_closes", 321_199, 1_861_491),
    ("client_drains", 137_376, 529_579),
    ("client_losses", 315_525, 1_006_404),
    ("client_rivals", 555_203, 1_949_258),
    ("client_reloads", 75_617, 250_064),
    ("client_lies", 46_583, 247_316),
];

/// The scope with this name.
pub fn named(name: &str) -> Option<Scope> {
    DEFAULT.iter().find(|scope| scope.name == name).cloned()
}

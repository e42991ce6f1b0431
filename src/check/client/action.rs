//! Everything that can happen around a client.

use std::fmt;

use strum::VariantArray;

use super::World;
use super::world_state::{Down, Phase, Up, WorldState};
use crate::client::{State, Timer};
use crate::words::CloseCode;

/// Something that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A timer fires.
    Fire(Timer),
    /// A timer fires although all is well.
    Alarm(Timer),
    /// The dialled connection opens.
    Open,
    /// The server reads a frame.
    Receive,
    /// The server reads a prompt and refuses it.
    Refuse {
        /// It may take it later.
        for_now: bool,
    },
    /// The server reads a prompt that was in flight on the connection before.
    ReceiveStray,
    /// That prompt never arrives.
    LoseStray,
    /// The server sends the next entry, or what is lost.
    Send,
    /// The client reads a frame.
    Hear,
    /// The client notices that the connection is broken.
    Notice,
    /// The application applies what was handed over.
    Apply,
    /// The connection breaks.
    Cut,
    /// The server closes with this code.
    Close(CloseCode),
    /// The server says that it will close.
    Goaway,
    /// The server sends an entry that is not the next one.
    Lie,
    /// The server sends a second welcome, or one that does not fit.
    LieInWelcome,
    /// News of an older socket.
    LateSocket(Late),
    /// A timer that was disarmed fires.
    LateTimer,
    /// The application says twice that it applied something.
    ApplyAgain,
    /// The server repeats an entry.
    Repeat,
    /// The server repeats its answer to a prompt.
    RepeatReply,
    /// The page is hidden.
    Hide,
    /// The page is shown; nothing was heard for long.
    Show(bool),
    /// There is one.
    Online,
    /// The application prompts.
    Prompt,
    /// The application interrupts.
    Command,
    /// The user starts, or asks again.
    Start,
    /// The user stops.
    Stop,
    /// The page is loaded anew.
    Reload,
    /// The worker puts an entry into the log.
    Output,
    /// The server trims its log.
    Trim,
    /// The server loses the last entry, and renews its log.
    Lose,
    /// Another holder of the client's name attaches, which ends this client's connection, and prompts.
    Rival,
}

/// What may come late of an older socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// It opens.
    Opened,
    /// An entry.
    Entry,
    /// It is lost.
    Lost,
    /// It is closed for good.
    Closed,
    /// An answer to a prompt.
    Accepted,
}

const LATE: [Late; 5] = [Late::Opened, Late::Entry, Late::Lost, Late::Closed, Late::Accepted];

/// The classes of actions.
pub const CLASSES: &[&str] = &[
    "timer", "wire", "notice", "apply", "fault", "late", "page", "user", "worker", "server",
    "stray", "show",
];

impl Action {
    pub(super) fn class(self) -> usize {
        let name = match self {
            Action::Fire(_) => "timer",
            Action::Open | Action::Receive | Action::Send | Action::Hear => "wire",
            Action::Notice => "notice",
            Action::Apply => "apply",
            Action::Cut | Action::Alarm(_) => "fault",
            Action::LateSocket(_) | Action::LateTimer | Action::ApplyAgain => "late",
            Action::Hide => "page",
            Action::Show(_) | Action::Online => "show",
            Action::Prompt | Action::Command | Action::Start | Action::Stop | Action::Reload => {
                "user"
            }
            Action::Output => "worker",
            Action::ReceiveStray | Action::LoseStray => "stray",
            Action::Refuse { .. }
            | Action::Close(_)
            | Action::Goaway
            | Action::Lie
            | Action::LieInWelcome
            | Action::Repeat
            | Action::RepeatReply
            | Action::Trim
            | Action::Lose
            | Action::Rival => "server",
        };
        CLASSES.iter().position(|class| *class == name).unwrap_or_default()
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Fire(timer) => write!(f, "the {timer} timer fires"),
            Action::Alarm(timer) => write!(f, "the {timer} timer fires although all is well"),
            Action::Open => f.write_str("the socket opens"),
            Action::Receive => f.write_str("the server reads a frame"),
            Action::Refuse { for_now: false } => {
                f.write_str("the server reads a prompt and refuses it")
            }
            Action::Refuse { for_now: true } => {
                f.write_str("the server reads a prompt and refuses it for now")
            }
            Action::ReceiveStray => f.write_str("the server reads a prompt of the old socket"),
            Action::LoseStray => f.write_str("the prompt on the old socket is lost"),
            Action::Send => f.write_str("the server sends what comes next"),
            Action::Hear => f.write_str("the client reads a frame"),
            Action::Notice => f.write_str("the client notices that the socket is broken"),
            Action::Apply => f.write_str("the application applies what was handed over"),
            Action::Cut => f.write_str("the socket breaks"),
            Action::Close(code) => write!(f, "the server closes: {code}"),
            Action::Goaway => f.write_str("the server says that it goes away"),
            Action::Lie => f.write_str("the server leaves out an entry"),
            Action::LieInWelcome => f.write_str("the server sends a welcome that does not fit"),
            Action::LateSocket(late) => write!(f, "late news of an older socket: {late:?}"),
            Action::LateTimer => f.write_str("a timer that was disarmed fires"),
            Action::ApplyAgain => f.write_str("the application says twice that it applied"),
            Action::Repeat => f.write_str("the server repeats an entry"),
            Action::RepeatReply => f.write_str("the server repeats an answer"),
            Action::Hide => f.write_str("the page is hidden"),
            Action::Show(true) => f.write_str("the page is shown after a long silence"),
            Action::Show(false) => f.write_str("the page is shown"),
            Action::Online => f.write_str("the network is there"),
            Action::Prompt => f.write_str("the application prompts"),
            Action::Command => f.write_str("the application interrupts"),
            Action::Start => f.write_str("the user starts"),
            Action::Stop => f.write_str("the user stops"),
            Action::Reload => f.write_str("the page is loaded anew"),
            Action::Output => f.write_str("the worker puts an entry into the log"),
            Action::Trim => f.write_str("the server trims its log"),
            Action::Lose => f.write_str("the server loses the end of its log"),
            Action::Rival => {
                f.write_str("another holder of the client's name attaches and prompts")
            }
        }
    }
}

/// How many frames may be in flight in one direction.
const IN_FLIGHT: usize = 3;

/// What can happen now.
pub(super) fn enabled(world: &World, now: &WorldState, out: &mut Vec<Action>) {
    wire(world, now, out);
    let left = &now.left;
    for timer in Timer::VARIANTS.iter().copied() {
        if now.link.armed(timer).is_none() {
            continue;
        }
        let broken = now.wire.as_ref().is_none_or(|wire| wire.phase == Phase::Broken);
        match timer {
            Timer::Backoff | Timer::Stable => out.push(Action::Fire(timer)),
            // Time is no part of the world: that all is well is enough for these not to fire.
            Timer::Attach | Timer::Watchdog if broken => out.push(Action::Fire(timer)),
            Timer::Attach | Timer::Watchdog if left.alarms > 0 => out.push(Action::Alarm(timer)),
            Timer::Attach | Timer::Watchdog => {}
        }
    }
    if !now.handed.is_empty() {
        out.push(Action::Apply);
    }
    page(now, out);
    if left.late > 0 {
        out.extend([Action::LateTimer, Action::ApplyAgain]);
        out.extend(LATE.map(Action::LateSocket));
    }
    if left.outputs > 0 {
        out.push(Action::Output);
    }
    if left.trims > 0 && now.server.log.base < now.server.log.head {
        out.push(Action::Trim);
    }
    if left.losses > 0 && now.server.log.base < now.server.log.head {
        out.push(Action::Lose);
    }
    if left.rivals > 0 {
        out.push(Action::Rival);
    }
    if now.stray.is_some() {
        out.extend([Action::ReceiveStray, Action::LoseStray]);
    }
}

fn wire(world: &World, now: &WorldState, out: &mut Vec<Action>) {
    let Some(wire) = &now.wire else { return };
    let left = &now.left;
    let open = wire.phase == Phase::Open;
    if wire.phase == Phase::Dialled {
        out.push(Action::Open);
    }
    if let Some(up) = wire.up.front() {
        out.push(Action::Receive);
        if matches!(up, Up::Prompt(..)) && left.refusals > 0 && open {
            out.extend([false, true].map(|for_now| Action::Refuse { for_now }));
        }
    }
    let next = wire.next.filter(|_| open && !wire.suspended && !wire.closing);
    if next.is_some_and(|next| next <= now.server.log.head) && wire.down.len() < IN_FLIGHT {
        out.push(Action::Send);
    }
    if !wire.down.is_empty() {
        out.push(Action::Hear);
    }
    if wire.phase == Phase::Broken && wire.down.is_empty() {
        out.push(Action::Notice);
    }
    if wire.phase != Phase::Broken && left.cuts > 0 {
        out.push(Action::Cut);
    }
    let closes = left.closes > 0 && wire.phase != Phase::Broken && !wire.closing;
    if closes {
        out.extend(world.scope().codes.iter().map(|code| Action::Close(*code)));
        if open {
            out.push(Action::Goaway);
        }
    }
    if left.lies > 0 && open && !wire.closing && wire.down.len() < IN_FLIGHT {
        out.extend([Action::Lie, Action::LieInWelcome]);
    }
    if left.late > 0 && open && !wire.closing {
        if let Some(Down::Entry(..)) = wire.down.back() {
            out.push(Action::Repeat);
        }
        if let Some(Down::Accepted(..)) = wire.down.back() {
            out.push(Action::RepeatReply);
        }
    }
}

fn page(now: &WorldState, out: &mut Vec<Action>) {
    let (left, link) = (&now.left, &now.link);
    if left.hides > 0 {
        out.push(Action::Hide);
    }
    if link.is_hidden() || left.hides > 0 {
        out.extend([Action::Show(false), Action::Show(true)]);
    }
    if left.networks > 0 {
        out.push(Action::Online);
    }
    if left.prompts > 0 {
        out.push(Action::Prompt);
    }
    if left.commands > 0 {
        out.push(Action::Command);
    }
    if left.stops > 0 {
        out.push(Action::Stop);
    }
    // A stopped client starts again; a start of one that is started counts against the budget.
    if link.state() == State::Stopped || left.stops > 0 {
        out.push(Action::Start);
    }
    if left.reloads > 0 {
        out.push(Action::Reload);
    }
}

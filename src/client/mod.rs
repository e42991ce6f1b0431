//! One client's link to one session: the companion of the session's table, on the other end of the wire.
//!
//! A client that reconnects badly undoes what a server does well: two sockets at once, a cursor that runs
//! ahead of the screen, a prompt that is sent twice or swallowed, a thousand clients that come back in the
//! same second. So what a client does is a table as well, in [`table::ROWS`], and it is checked like the
//! others. It opens nothing and reads no clock: [`Event`]s go in, [`Effect`]s come out, and a driver
//! performs them in order.
//!
//! ```
//! use outlive::client::{Effect, Event, Link, Machine, Settings, Socket, State};
//!
//! let machine = Machine::new(Settings::default());
//! let mut link = Link::new();
//! let started = machine.step(&link, &Event::Start);
//! link = started.next;
//! assert_eq!(link.state(), State::BackingOff);
//! // Every dial comes from the end of this one timer, so there are never two.
//! let [Effect::Arm { timer, generation, .. }] = started.effects[..] else { panic!() };
//! let over = machine.step(&link, &Event::Timer { timer, generation });
//! assert_eq!(over.effects[0], Effect::Dial { socket: Socket(1) });
//! assert_eq!(over.rule().id, "B1");
//! ```
//!
//! On tokio the crate `outlive-client` runs it. Other languages run the same rows:
//! `docs/generated/client.json`, and `clients/js` for JavaScript, which is held against this machine by
//! recorded steps.

mod apply;
mod event;
mod machine;
mod op;
mod outbox;
mod settings;
pub mod shape;
pub mod table;
mod words;

pub use event::{Close, Effect, Event, Jitter, LinkState, PromptId, Socket, Wait, Welcome};
pub use machine::{Link, Machine, Refusal, Step};
pub use outbox::Outbox;
pub use settings::Settings;
#[cfg(feature = "docs")]
pub(crate) use settings::{LEAVING_MS, OVERLOADED_MS};
pub use words::{State, Timer, Trigger};

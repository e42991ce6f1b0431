//! What happened: to connections, to timers, to the hub. It is fed, whatever the store says.

use strum::VariantArray as _;
use tokio::time::Instant;

use super::super::mailbox::{LinkCommand, Notification};
use super::Driver;
use super::encode::Payload;
use outlive::ids::ConnectionId;
use outlive::session::Event;
use outlive::wire::ToClient;
use outlive::{CloseCode, Timer};

impl Driver {
    pub(super) async fn fact(&mut self, fact: Notification) {
        let event = match fact {
            Notification::Arrived(arrival) => return self.arrive(*arrival).await,
            Notification::Written { connection, through } => Event::Written { connection, through },
            Notification::Missed { connection, from } => {
                let kept = self.session.as_ref().is_some_and(|session| from > session.log().base);
                if kept {
                    return self.contradicted(connection).await;
                }
                Event::Missed { connection, from }
            }
            Notification::Suspend { connection, who, seen } => {
                let listed = self.viewers.iter().any(|v| v.id == connection && v.client == who);
                if !listed && self.left != Some((connection, who)) {
                    return;
                }
                Event::Suspend { connection, seen }
            }
            Notification::Resume { connection } => Event::Resume { connection },
            Notification::Lost { connection } => {
                if let Some(viewer) = self.forget_viewer(connection) {
                    self.left = Some((connection, viewer.client));
                }
                Event::Lost { connection }
            }
            Notification::Goaway => return self.say_goaway(),
            Notification::Leave => {
                self.say_goaway();
                return self.tell_all(|| LinkCommand::Close(CloseCode::Restart));
            }
            Notification::Drain => return self.drain().await,
            Notification::Wake => return,
        };
        self.feed_fact(event, Payload::None).await;
    }

    fn say_goaway(&self) {
        let retry_after_ms = self.shared.come_back_ms();
        self.tell_all(|| LinkCommand::Say(Box::new(ToClient::Goaway { retry_after_ms })));
    }

    /// Holds the session, once, if the hub leaves. That it leaves is known before the fact comes: where
    /// something would be begun before it is heard, the session is held first.
    pub(super) async fn drain(&mut self) {
        let holds = self.session.as_ref().is_some_and(|session| !session.is_draining());
        if holds && self.shared.is_draining() {
            self.feed_fact(Event::Drain, Payload::None).await;
        }
    }

    /// The store has trimmed what by the session's record is retained: another owner did it, or the store is
    /// damaged. To send the same range again would go on for ever.
    async fn contradicted(&mut self, connection: ConnectionId) {
        let owner = self.or_shutdown(self.shared.store.confirm(&self.id, self.version)).await;
        if owner == Some(Ok(false)) {
            return self.lost();
        }
        tracing::error!(session = %self.id, "the store has trimmed what is retained");
        self.tell(connection, LinkCommand::Close(CloseCode::Error));
    }

    /// Feeds every timer that is due. Returns whether there was one.
    pub(super) async fn fire(&mut self) -> bool {
        let now = Instant::now();
        let mut fired = false;
        for timer in Timer::VARIANTS.iter().copied() {
            let slot = &mut self.timers[timer as usize];
            if let Some((_, generation)) = slot.filter(|(at, _)| *at <= now) {
                *slot = None;
                fired = true;
                self.feed_fact(Event::Expired { timer, generation }, Payload::None).await;
            }
        }
        fired
    }
}

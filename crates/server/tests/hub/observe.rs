//! What an observer sees of connections.

use std::sync::{Arc, Mutex};

use outlive::CloseCode;
use outlive::ids::ConnectionId;
use outlive::log::ResumeFrom;
use outlive_server::hub::{Failure, Hello, Hub, Link, Observer, Role, Turn};

/// With which code.
type Gone = Option<CloseCode>;

/// Which connection came, or went.
type Sight = (ConnectionId, Option<Gone>);

#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<Vec<Sight>>>);

impl Observer for Seen {
    fn on_connect(&self, connection: ConnectionId) {
        self.0.lock().unwrap().push((connection, None));
    }

    fn on_disconnect(&self, connection: ConnectionId, code: Gone) {
        self.0.lock().unwrap().push((connection, Some(code)));
    }
}

impl Seen {
    fn take(&self) -> Vec<Sight> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

async fn says_nothing(_: Turn) -> Result<(), Failure> {
    Ok(())
}

/// Its end, as an observer sees it. The link is over before it is dropped, or by it.
fn seen(hub: &Hub, seen: &Seen, play: impl FnOnce(&mut Link)) -> Vec<Option<Gone>> {
    let mut link = hub.link();
    let id = link.id();
    play(&mut link);
    drop(link);
    let all = seen.take();
    assert!(all.iter().all(|(connection, _)| *connection == id), "{all:?}");
    all.into_iter().map(|(_, what)| what).collect()
}

#[tokio::test(start_paused = true)]
async fn each_transport_comes_once_and_goes_once_with_the_code_that_this_end_gave() {
    let observer = Seen::default();
    let hub = Hub::builder().observer(observer.clone()).build(says_nothing).await.unwrap();
    let session = hub.create().await.unwrap();
    let hello = |link: &mut Link| {
        link.hello(Hello {
            session: session.clone(),
            principal: "ann".into(),
            role: Role::View,
            client: "laptop".into(),
            cursor: ResumeFrom::Nothing,
        });
    };
    let none = [None, Some(None)];
    assert_eq!(seen(&hub, &observer, |_| {}), none, "it never said hello");
    assert_eq!(seen(&hub, &observer, hello), none, "it was dropped");
    let cut = seen(&hub, &observer, |link| {
        hello(link);
        link.lost();
        link.peer_closed();
    });
    assert_eq!(cut, none, "it was cut, and only once");
    let closed = seen(&hub, &observer, |link| {
        hello(link);
        link.close(CloseCode::Protocol);
        link.close(CloseCode::Normal);
        link.peer_closed();
        link.lost();
    });
    assert_eq!(closed, [None, Some(Some(CloseCode::Protocol))], "the first code wins");
    let silent = seen(&hub, &observer, |link| {
        hello(link);
        link.silent();
    });
    assert_eq!(silent, [None, Some(Some(CloseCode::Liveness))]);
}

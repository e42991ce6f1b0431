//! What is between a client and its server, and breaks when a test says so.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What becomes of connections. Each is told from those that were dialled later.
#[derive(Clone, Copy, Debug, Default)]
struct Weather {
    /// Where new ones lead; nowhere: they are hung up on.
    to: Option<SocketAddr>,
    /// Those up to this one are cut.
    cut: u32,
    /// Nothing comes through those up to this one, in either direction, and nobody is told.
    dead: u32,
    /// Nothing comes back through those up to this one.
    deaf: u32,
}

pub(super) struct Proxy {
    pub(super) at: SocketAddr,
    weather: watch::Sender<Weather>,
    dials: Arc<AtomicU32>,
}

impl Proxy {
    pub(super) async fn to(at: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (weather, sky) = watch::channel(Weather { to: Some(at), ..Weather::default() });
        let dials = Arc::new(AtomicU32::new(0));
        let proxy = Proxy { at: listener.local_addr().unwrap(), weather, dials: dials.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = dials.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::spawn(forward(number, stream, sky.clone()));
            }
        });
        proxy
    }

    pub(super) fn url(&self) -> String {
        format!("ws://{}", self.at)
    }

    /// How many were dialled.
    pub(super) fn dials(&self) -> u32 {
        self.dials.load(Ordering::SeqCst)
    }

    /// Those that are there are cut.
    pub(super) fn cut(&self) {
        self.weather.send_modify(|now| now.cut = self.dials());
    }

    /// Those that are there are half-open from now on.
    pub(super) fn hold(&self) {
        self.weather.send_modify(|now| now.dead = self.dials());
    }

    /// What the server says does not come through those that are there.
    pub(super) fn mute(&self) {
        self.weather.send_modify(|now| now.deaf = self.dials());
    }

    /// What was held back or muted comes through after all.
    pub(super) fn release(&self) {
        self.weather.send_modify(|now| (now.dead, now.deaf) = (0, 0));
    }

    /// New ones lead here, or nowhere.
    pub(super) fn lead(&self, to: Option<SocketAddr>) {
        self.weather.send_modify(|now| now.to = to);
    }
}

async fn forward(number: u32, client: TcpStream, mut sky: watch::Receiver<Weather>) {
    let Some(to) = sky.borrow().to else { return };
    let Ok(server) = TcpStream::connect(to).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let up = pump(from_client, to_server, sky.clone(), |now| now.dead, number);
    let down = pump(from_server, to_client, sky.clone(), |now| now.dead.max(now.deaf), number);
    tokio::select! {
        // Who leaves is told apart from a cut: what the other one says still comes through.
        () = async { tokio::join!(up, down); } => {}
        _ = sky.wait_for(|now| now.cut >= number) => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut sky: watch::Receiver<Weather>,
    held: fn(&Weather) -> u32,
    number: u32,
) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if sky.wait_for(|now| held(now) < number).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
    // An end is held back like everything else.
    if sky.wait_for(|now| held(now) < number).await.is_ok() {
        _ = to.shutdown().await;
    }
}

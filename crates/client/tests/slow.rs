//! Lines that carry a frame for longer than the deadline of a silence. Time is tokio's own, and jumps when everybody
//! waits.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::driver::soon;
use axum::serve::Listener;
use outlive::wire;
use outlive_client::{Client, Target, Update};
use outlive_server::http::{Anyone, endpoints, serve};
use outlive_server::hub::{Drain, Failure, Hub, Turn};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf, split};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

/// What a line carries in a second, in bytes.
#[derive(Clone, Copy)]
struct Rate {
    up: usize,
    down: usize,
}

/// Where the server accepts.
struct Port(mpsc::UnboundedReceiver<DuplexStream>);

impl Listener for Port {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.recv().await {
            Some(stream) => (stream, ()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

async fn carry(
    mut from: ReadHalf<DuplexStream>,
    mut to: WriteHalf<DuplexStream>,
    bytes_a_second: usize,
) {
    let mut tenths = interval(Duration::from_millis(100));
    tenths.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut buffer = vec![0; bytes_a_second / 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        tenths.tick().await;
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
    _ = to.shutdown().await;
}

/// Answers with as many bytes as the prompt says, after its first word.
async fn answer(turn: Turn) -> Result<(), Failure> {
    let prompt: String = turn.prompt().deserialize()?;
    let words: Vec<&str> = prompt.split(' ').collect();
    turn.emit(&"x".repeat(words[0].parse()?)).await?;
    Ok(())
}

/// A client of a server behind a slow line, and how often it dials.
async fn behind(rate: Rate) -> (Client, Arc<AtomicU32>) {
    let hub = Hub::builder().build(answer).await.unwrap();
    let (server, accepted) = mpsc::unbounded_channel();
    let app = endpoints(hub.clone()).authorize(Anyone).router();
    let drain = Drain { window: Duration::ZERO, deadline: Duration::ZERO };
    tokio::spawn(serve(Port(accepted), app, hub, drain, std::future::pending()));
    let dials = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&dials);
    let dial = move |_: Target| {
        counted.fetch_add(1, Ordering::SeqCst);
        // What is in these passes within 5 s.
        let (ours, near) = tokio::io::duplex(1 << 12);
        let (far, theirs) = tokio::io::duplex(1 << 12);
        server.send(theirs).unwrap();
        let (from_client, to_client) = split(near);
        let (from_server, to_server) = split(far);
        tokio::spawn(carry(from_client, to_server, rate.up));
        tokio::spawn(carry(from_server, to_client, rate.down));
        async move { Ok(ours) }
    };
    let client = Client::builder("ws://localhost").dialer(dial).create().await.unwrap();
    dials.store(0, Ordering::SeqCst);
    (client.start().unwrap(), dials)
}

/// How long the next piece of output is, in bytes.
async fn output(client: &mut Client) -> usize {
    loop {
        if let Some(Update::Entry(entry)) = client.next().await {
            if let Some(wire::Entry::Output { d, .. }) = &entry.said {
                return d.get().len();
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_takes_longer_than_the_deadline_comes_with_the_first_dial() {
    // 80 s: the server gives up after 50 s, and the client after 62.5 s.
    let (mut client, dials) = behind(Rate { up: 50_000, down: 50_000 }).await;
    soon("the prompt", client.prompt("4000000")).await.unwrap();
    assert_eq!(soon("the entry", output(&mut client)).await, 4_000_002);
    assert_eq!(dials.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_takes_longer_than_the_deadline_goes_with_the_first_dial() {
    // 100 s.
    let (mut client, dials) = behind(Rate { up: 2_500, down: 50_000 }).await;
    let prompt = format!("3 {}", "x".repeat(250_000));
    soon("the prompt", client.prompt(prompt)).await.unwrap();
    assert_eq!(soon("the entry", output(&mut client)).await, 5);
    assert_eq!(dials.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn while_a_prompt_goes_up_slowly_the_client_hears_and_may_be_asked_whether_it_lives() {
    let (mut client, dials) = behind(Rate { up: 2_500, down: 50_000 }).await;
    let prompt = format!("3 {}", "x".repeat(250_000));
    let mut accepted = Box::pin(soon("the prompt", client.prompt(prompt)));
    let mut asked = 0;
    let mut often = interval(Duration::from_secs(10));
    loop {
        tokio::select! {
            told = &mut accepted => break assert_eq!(told.unwrap().seq.0, 1),
            // The ping goes behind the prompt, and the client waits 5 s for its answer.
            _ = often.tick() => { client.handle().show(); asked += 1; }
            _ = client.next() => {}
        }
    }
    assert!(asked > 5);
    assert_eq!(dials.load(Ordering::SeqCst), 1);
}

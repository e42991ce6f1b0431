//! A chat server: `cargo run --example chat`, then
//!
//! ```sh
//! curl -X POST http://127.0.0.1:7878/sessions                       # {"session":"s_…"}
//! curl -N http://127.0.0.1:7878/sessions/s_…/events                 # in one window
//! curl -d '"hello there"' -H 'Idempotency-Key: laptop.1' \
//!     http://127.0.0.1:7878/sessions/s_…/prompts                    # in another
//! ```
//!
//! Break the connections as you like: `curl -H 'Last-Event-ID: …'` goes on where it was.

use std::error::Error;
use std::time::Duration;

use axum::serve::ListenerExt as _;
use outlive_server::http::{Anyone, endpoints, serve};
use outlive_server::hub::{Drain, Failure, Hub, Turn};
use tokio::{net::TcpListener, signal::ctrl_c, time::sleep};

/// The long work. It knows nothing of connections.
async fn answer(turn: Turn) -> Result<(), Failure> {
    let prompt: String = turn.prompt().deserialize()?;
    for word in prompt.split_whitespace().rev() {
        turn.emit(&word).await?; // fails when a user interrupts, which ends the turn
        sleep(Duration::from_millis(300)).await;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:7878").await?; // before the store changes hands
    println!("http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|tcp| _ = tcp.set_nodelay(true)); // or small frames wait
    let hub = Hub::builder().build(answer).await?;
    let app = endpoints(hub.clone()).authorize(Anyone).router();
    // Until Ctrl-C, or until a newer process has the store; slow peers are not waited for.
    let drain = Drain { window: Duration::ZERO, deadline: Duration::from_secs(10) };
    serve(listener, app, hub, drain, async { _ = ctrl_c().await }).await;
    Ok(())
}

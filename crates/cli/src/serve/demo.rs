//! A worker to talk to, which takes its time.

use std::time::Duration;

use outlive_server::hub::{CloseoutContext, Failure, Turn, Worker, WorkerContext};
use tokio::time::sleep;

/// Says words, slowly.
#[derive(Debug)]
pub(super) struct Demo;

const HELP: &str = "I say words, slowly, so that there is time to cut the connection. Try: \
    /long 500 (words), /fast 500, /ask (for an approval), /later (the same, and nothing waits for it), /fail, /panic, \
    /hang (does not listen when interrupted), /leave (the worker goes), \
    and whatever else you like.";

impl Worker for Demo {
    /// Turns that were answered.
    type Run = u32;

    async fn start(&self, _: WorkerContext) -> Result<u32, Failure> {
        sleep(Duration::from_millis(300)).await;
        Ok(0)
    }

    async fn answer(&self, run: &mut u32, turn: Turn) -> Result<(), Failure> {
        if turn.answers().is_some() {
            decided(&turn, turn.prompt().deserialize().unwrap_or(false)).await?;
            *run += 1;
            return Ok(());
        }
        let prompt: String = turn.prompt().deserialize()?;
        let (command, rest) = prompt.split_once(' ').unwrap_or((&prompt, ""));
        let count = rest.trim().parse().unwrap_or(200).min(100_000);
        match command {
            "/help" => say(&turn, HELP, 40).await?,
            "/long" => numbers(&turn, count, 60).await?,
            "/fast" => numbers(&turn, count, 0).await?,
            "/ask" => {
                say(&turn, "There is something to decide.", 80).await?;
                let answer = turn.ask(&"May I delete everything?").await?;
                decided(&turn, answer.deserialize().unwrap_or(false)).await?;
            }
            "/later" => {
                say(&turn, "There is something to decide, and it has time until tomorrow.", 80)
                    .await?;
                turn.leave_ask(&"May I delete everything?")?;
            }
            "/fail" => {
                say(&turn, "This will not end well:", 80).await?;
                return Err("the worker failed, as it was asked to".into());
            }
            "/leave" => return Err(Failure::fatal("the worker leaves, as it was asked to")),
            "/panic" => {
                turn.emit(&"Oh!").await?;
                panic!("the worker panicked, as it was asked to");
            }
            "/hang" => {
                turn.emit(&"I do not listen any more. Interrupt me, and wait until I am aborted.")
                    .await?;
                std::future::pending::<()>().await;
            }
            _ => {
                let text = format!(
                    "You said: {prompt}. The connection may break at any word of this: cut it, refresh \
                     the page, close it, open another one. The work goes on, and a page that comes back \
                     is sent what is missing, once and in order. /help says what else there is."
                );
                say(&turn, &text, 120).await?;
            }
        }
        *run += 1;
        Ok(())
    }

    async fn close_out(&self, run: u32, farewell: CloseoutContext) {
        sleep(Duration::from_millis(500)).await;
        let turns = if run == 1 { "1 turn".to_owned() } else { format!("{run} turns") };
        // There is no way left to report that there was no time for it.
        _ = farewell.emit(&format!("Summary: {turns} answered by this worker. Goodbye.")).await;
    }
}

async fn decided(turn: &Turn, yes: bool) -> Result<(), Failure> {
    let done = if yes { "Everything is deleted." } else { "Then I leave it as it is." };
    say(turn, done, 80).await
}

async fn say(turn: &Turn, text: &str, pause_ms: u64) -> Result<(), Failure> {
    for word in text.split_whitespace() {
        turn.emit(&format!("{word} ")).await?;
        sleep(Duration::from_millis(pause_ms)).await;
    }
    Ok(())
}

async fn numbers(turn: &Turn, count: u32, pause_ms: u64) -> Result<(), Failure> {
    for n in 1..=count {
        turn.emit(&format!("{n} ")).await?;
        if pause_ms > 0 {
            sleep(Duration::from_millis(pause_ms)).await;
        }
    }
    Ok(())
}

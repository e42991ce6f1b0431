//! The laws over a connection's steps.

use alloc::format;
use alloc::string::String;

use super::{Breach, Law, ensure};
use crate::connection::table::Row;
use crate::connection::{Connection, Op, Phase, Trigger};
use crate::words::CloseCode;

/// Holds one step of a connection against the laws.
///
/// # Errors
/// The first law that is broken.
pub fn of_connection(
    before: &Connection,
    trigger: Trigger,
    asked: CloseCode,
    row: &Row,
    after: &Connection,
) -> Result<(), Breach> {
    let did = |op: Op| row.ops.contains(&op);
    let (was, is) = (before.phase(), after.phase());
    let enters = |phase| was != phase && is == phase;
    let leaves = |phase| was == phase && is != phase;
    let held = |law, held: bool, detail: &str| {
        let told = || -> String { format!("{trigger} in {was}: {detail}") };
        ensure(held, told).map_err(|detail| Breach { law, detail })
    };
    held(Law::NewsIsTaken, is_taken(was, trigger, row, is), "nothing came of it")?;
    let read = !did(Op::Admit) && !did(Op::Pass) || was == Phase::Open || is == Phase::Open;
    held(Law::OnlyOpenIsHeard, read, "handed on")?;
    held(Law::NoSendAfterClose, !did(Op::Write) || was == Phase::Open, "written")?;
    held(Law::CloseIsSent, did(Op::SendClose) == enters(Phase::Closing), "close sent or not")?;
    let code = after.code();
    held(Law::CloseIsSent, is != Phase::Closing || code.is_some(), "closed without a code")?;
    let right = trigger != Trigger::Close || !enters(Phase::Closing) || code == Some(asked);
    held(Law::FirstCloseCodeWins, right, "closed with another code than was asked for")?;
    let kept = before.code().is_none() || before.code() == code;
    held(Law::FirstCloseCodeWins, kept, "the code changed")?;
    held(Law::OneGonePerConnection, did(Op::Gone) == leaves(Phase::Open), "gone or not")?;
    held(Law::OneGonePerConnection, did(Op::Release) == enters(Phase::Closed), "released or not")?;
    let hello = did(Op::DisarmHello) == leaves(Phase::Connecting);
    held(Law::WaitingStatesHaveATimer, hello, "hello timer not disarmed, or for nothing")?;
    let armed = did(Op::ArmClose) == enters(Phase::Closing);
    held(Law::WaitingStatesHaveATimer, armed, "close timer not armed, or armed for nothing")?;
    let disarmed = did(Op::DisarmClose) == leaves(Phase::Closing);
    held(Law::WaitingStatesHaveATimer, disarmed, "close timer not disarmed, or for nothing")
}

/// Whether what happened is so afterwards.
fn is_taken(was: Phase, trigger: Trigger, row: &Row, is: Phase) -> bool {
    let did = |op: Op| row.ops.contains(&op);
    match (was, trigger) {
        (Phase::Connecting, Trigger::Hello) => is == Phase::Open && did(Op::Admit),
        (Phase::Connecting, Trigger::HelloTimeout | Trigger::Prompt | Trigger::Control)
        | (Phase::Connecting | Phase::Open, Trigger::Close)
        | (Phase::Open, Trigger::Silent) => is == Phase::Closing,
        (Phase::Connecting | Phase::Open | Phase::Closing, Trigger::PeerClosed | Trigger::Lost)
        | (Phase::Connecting | Phase::Closing, Trigger::Silent)
        | (Phase::Closing, Trigger::CloseTimeout) => is == Phase::Closed,
        (Phase::Open, Trigger::Prompt | Trigger::Control | Trigger::Written) => did(Op::Pass),
        (Phase::Open, Trigger::Send) => did(Op::Write),
        (Phase::Connecting, Trigger::Send | Trigger::Written | Trigger::CloseTimeout)
        | (Phase::Open, Trigger::Hello | Trigger::HelloTimeout | Trigger::CloseTimeout)
        | (
            Phase::Closing,
            Trigger::Hello
            | Trigger::HelloTimeout
            | Trigger::Prompt
            | Trigger::Control
            | Trigger::Send
            | Trigger::Written
            | Trigger::Close,
        )
        | (Phase::Closed, _) => is == was,
    }
}

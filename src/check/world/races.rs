//! The twenty-four nastiest races, each with a planted bug that lets it happen: the checker finds each, and its
//! shortest story is kept as documentation.

use std::fmt::Write as _;

use super::{Bug, Bytes, Scope, World, scopes};
use crate::check::{Report, Search};
use crate::laws::Law;
use crate::session::table::{self, Op, Row, Table};
use crate::table::Verdict;
use crate::words::{EndReason, Reason, State, Timer, Trigger};

/// A race, and the bug that lets it happen.
#[derive(Clone, Debug)]
pub struct Race {
    /// Its number, as in `R1`.
    pub id: &'static str,
    /// What happens.
    pub title: &'static str,
    /// The bug.
    pub fault: Fault,
    /// The world it is looked for in.
    pub scope: &'static Scope,
    /// The law that notices.
    pub law: Law,
}

/// A planted bug: in the driver, or in a row.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// In the driver.
    Driver(Bug),
    /// A row of the session's table.
    Rule {
        /// What is wrong with it.
        about: &'static str,
        /// The changed row. Cells that it does not cover keep theirs.
        row: Row,
    },
}

use Verdict::{Go, Refuse, Stay};

/// The races, in order.
pub const RACES: &[Race] = &[
    Race {
        id: "R1",
        title: "A stale close kills the newcomer",
        fault: Fault::Driver(Bug::LossByClient),
        scope: &scopes::RECONNECTS,
        law: Law::ListedMeansOpen,
    },
    Race {
        id: "R2",
        title: "A half-open predecessor locks the newcomer out",
        fault: Fault::Rule {
            about: "A client that is still listed is refused.",
            row: Row::new(
                "W2",
                &[
                    State::Created,
                    State::Starting,
                    State::Active,
                    State::Suspended,
                    State::Closing,
                    State::Ended,
                ],
                &[Trigger::AttachAgain],
                Refuse(Reason::TooManyConnections),
                &[],
                "the client is connected already",
            ),
        },
        scope: &scopes::RECONNECTS,
        law: Law::RefusalsAreTrue,
    },
    Race {
        id: "R3",
        title: "The seam between replay and live",
        fault: Fault::Driver(Bug::ReplayThenSubscribe),
        scope: &scopes::RECONNECTS,
        law: Law::InOrderWithoutSilentGaps,
    },
    Race {
        id: "R4",
        title: "Eviction under the cursor",
        fault: Fault::Driver(Bug::SkipWhatIsTrimmed),
        scope: &scopes::RECONNECTS,
        law: Law::InOrderWithoutSilentGaps,
    },
    Race {
        id: "R5",
        title: "A stale cursor in a log that begins again",
        fault: Fault::Driver(Bug::KeepTheLogId),
        scope: &scopes::LOSSES,
        law: Law::LostSuffixChangesTheLogId,
    },
    Race {
        id: "R6",
        title: "Accepted, the answer lost, sent again",
        fault: Fault::Driver(Bug::ForgetTheKeys),
        scope: &scopes::CRASHES,
        law: Law::AcceptedIsKept,
    },
    Race {
        id: "R7",
        title: "A prompt against CLOSING",
        fault: Fault::Rule {
            about: "The prompt is queued behind the closeout.",
            row: Row::new(
                "L3",
                &[State::Closing],
                &[Trigger::Prompt],
                Stay,
                &[Op::Commit, Op::Accept, Op::Reply, Op::SendDue],
                "it may wait",
            ),
        },
        scope: &scopes::CLOSING,
        law: Law::NothingDueIsLeft,
    },
    Race {
        id: "R8",
        title: "A crash between dispatch and answer, and a recovery that dispatches again",
        fault: Fault::Driver(Bug::RunAgainAfterRestart),
        scope: &scopes::CRASHES,
        law: Law::NoPromptRunsTwice,
    },
    Race {
        id: "R9",
        title: "A send after the close, through a second reference",
        fault: Fault::Driver(Bug::WriteWithoutAsking),
        scope: &scopes::HANDSHAKES,
        law: Law::NoSendAfterClose,
    },
    Race {
        id: "R10",
        title: "The timer that had already fired",
        fault: Fault::Rule {
            about: "A detach timer that fires is believed, although a viewer came back.",
            row: Row::new(
                "X7",
                &[State::Active],
                &[Trigger::DetachExpired],
                Go(State::Closing),
                &[
                    Op::Commit,
                    Op::LogClosing(EndReason::Expired),
                    Op::Arm(Timer::Closeout),
                    Op::CloseOut,
                    Op::SendDue,
                ],
                "no viewer came back",
            ),
        },
        scope: &scopes::LATE,
        law: Law::TimersActWhereTheyWait,
    },
    Race {
        id: "R11",
        title: "A lost welcome locks its client out",
        fault: Fault::Driver(Bug::EchoTheFence),
        scope: &scopes::RECONNECTS,
        law: Law::NewsIsTaken,
    },
    Race {
        id: "R12",
        title: "An owner that was replaced goes on",
        fault: Fault::Driver(Bug::CommitWithoutFence),
        scope: &scopes::TAKEOVERS,
        law: Law::AcceptedIsKept,
    },
    Race {
        id: "R13",
        title: "An owner that was replaced says welcome",
        fault: Fault::Driver(Bug::AnswerUnconfirmed),
        scope: &scopes::REPLACED,
        law: Law::ACursorNeverGoesBack,
    },
    Race {
        id: "R14",
        title: "A commit comes in after it was denied",
        fault: Fault::Driver(Bug::ReadUnsettled),
        scope: &scopes::CRASHES,
        law: Law::NoMeansNo,
    },
    Race {
        id: "R15",
        title: "A commit of the owner that was comes in",
        fault: Fault::Driver(Bug::CommitWithoutOwner),
        scope: &scopes::PAUSES,
        law: Law::AtMostOneOwnerCommits,
    },
    Race {
        id: "R16",
        title: "A session is taken from a node that is only late",
        fault: Fault::Driver(Bug::ClaimTheLiving),
        scope: &scopes::PAUSES,
        law: Law::AClaimNeedsADeadOwner,
    },
    Race {
        id: "R17",
        title: "A dead node renews its lease",
        fault: Fault::Driver(Bug::RenewTheDead),
        scope: &scopes::PAUSES,
        law: Law::DeadStaysDead,
    },
    Race {
        id: "R18",
        title: "A session that was taken over is served as it stands",
        fault: Fault::Driver(Bug::ServeUnrecovered),
        scope: &scopes::PAUSES,
        law: Law::UnownedIsRecovered,
    },
    Race {
        id: "R19",
        title: "The first to come back judges all the others",
        fault: Fault::Driver(Bug::JudgeTooSoon),
        scope: &scopes::PARTITIONS,
        law: Law::JudgedByTheSteady,
    },
    Race {
        id: "R20",
        title: "A dead node's session waits until somebody asks",
        fault: Fault::Driver(Bug::LeaveOrphans),
        scope: &scopes::ORPHANS,
        law: Law::OrphansFindAnOwner,
    },
    Race {
        id: "R21",
        title: "A request goes round between the nodes",
        fault: Fault::Driver(Bug::PassOnAgain),
        scope: &scopes::CUTS,
        law: Law::PassedOnOnce,
    },
    Race {
        id: "R22",
        title: "A connection stays with the owner that was",
        fault: Fault::Driver(Bug::KeepTheLink),
        scope: &scopes::CUTS,
        law: Law::RelaysFollowTheOwner,
    },
    Race {
        id: "R23",
        title: "A welcome for what the database has lost",
        fault: Fault::Driver(Bug::ConfirmTheOwner),
        scope: &scopes::FAILOVERS,
        law: Law::DeliveredIsDurable,
    },
    Race {
        id: "R24",
        title: "The log of a promoted standby keeps its id",
        fault: Fault::Driver(Bug::KeepTheLogId),
        scope: &scopes::FAILOVERS,
        law: Law::LostSuffixChangesTheLogId,
    },
];

impl Race {
    /// The world with the bug in it.
    pub fn world(&self) -> World {
        let world = World::new(self.scope.clone()).expect("the scopes' limits are not 0");
        match self.fault {
            Fault::Driver(bug) => world.with_bug(bug),
            Fault::Rule { row, .. } => world.with_table(changed(row)),
        }
    }

    /// What the bug is, in one sentence.
    pub const fn about(&self) -> &'static str {
        match self.fault {
            Fault::Driver(bug) => bug.meaning(),
            Fault::Rule { about, .. } => about,
        }
    }

    /// Looks for the race.
    pub fn find(&self, world: &World) -> Report {
        let search = Search::packed(world, Bytes).threads(2);
        search.allow_idle_classes().allow_idle_counters().run()
    }
}

/// The page of the races, in Markdown: each with its shortest story and a sequence diagram.
pub fn page() -> String {
    let mut page = String::from(
        "<!-- generated: cargo run --release -- check --races --format markdown > docs/races.md -->\n\n\
         # The twenty-four races\n\n\
         Each is a bug that drivers had in the field, planted on purpose. The checker finds it, and this is the\n\
         shortest story there is. Without the bug no story is found.\n",
    );
    for race in RACES {
        let world = race.world();
        let report = race.find(&world);
        let _ = write!(page, "\n## {} {}\n\n{}\n", race.id, race.title, race.about());
        let Some(violation) = report.violations.first() else {
            page += "\nNot found.\n";
            continue;
        };
        let (story, diagram) = (violation.story(&world), violation.sequence_diagram(&world));
        let diagram = diagram.trim_end();
        let _ = write!(page, "\n```text\n{story}```\n\n```mermaid\n{diagram}\n```\n");
    }
    page
}

/// The shipped table with one row more, which takes over its cells.
fn changed(row: Row) -> &'static Table {
    let mut rows = table::ROWS.to_vec();
    let mut index = table::INDEX;
    let place = u8::try_from(rows.len()).expect("a table has at most 255 rows");
    for from in row.from {
        for on in row.on {
            index[*from as usize][*on as usize] = place;
        }
    }
    rows.push(row);
    // A table is static; there are two or three of these in a process.
    Box::leak(Box::new(Table { rows: Vec::leak(rows), index }))
}

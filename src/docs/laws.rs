//! The laws, and where each is checked.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use strum::VariantArray;

use crate::laws::{self, Law};
use crate::words::words;

words! {
    /// Where a law is checked.
    Place as "snake_case" {
        Shape = "Over rows, at build time: a row that breaks it does not compile.",
        Step = "Over steps: in every step of a debug build, of a replayed trace and of a world.",
        Witness = "Over what the driver was told, step after step, by code that knows nothing of the table.",
        World = "Over worlds, in every order of events: connections, worker, store and clients are played as well.",
        Fair = "Over worlds that are left alone: from wherever faults stop, it comes about.",
        Sometimes = "Over worlds in which it can happen: it does, in at least one state, or the others could hold for nothing.",
    }
}

/// Where a law is checked.
pub fn checked(law: Law) -> Vec<Place> {
    let mut places = Vec::new();
    if has_shape(law) {
        places.push(Place::Shape);
    }
    if laws::over_steps().chain(laws::over_client_steps()).any(|over| over == law) {
        places.push(Place::Step);
    }
    places.extend(beyond_steps(law));
    places
}

/// Whether a row can break the law by its shape alone.
const fn has_shape(law: Law) -> bool {
    matches!(
        law,
        Law::RefusedChangesNothing
            | Law::ClosingOnlyEnds
            | Law::EndedOnlyReopens
            | Law::GoMeansElsewhere
            | Law::NoPromptIsSwallowed
            | Law::FactsAreNotRefused
            | Law::OpsInOrder
            | Law::OpsFitTheEvent
            | Law::DeliveredIsDurable
            | Law::NoSendAfterClose
            | Law::SingleFlight
            | Law::SavedBeforeSent
            | Law::WaitingStatesHaveATimer
    )
}

/// Where a law is checked that no row and no single step can show.
const fn beyond_steps(law: Law) -> Option<Place> {
    match law {
        Law::NothingFromAnAbortedWorkerIsLogged
        | Law::WaitingStatesHaveATimer
        | Law::WorkerMatchesTheState
        | Law::WorkerIsToldWhatIsTrue
        | Law::AtMostOneWorker
        | Law::NoPromptRunsTwice => Some(Place::Witness),
        Law::NoSendAfterClose
        | Law::NoDoubleDelivery
        | Law::StopAbortsTheWorker
        | Law::AcceptedIsKept
        | Law::OneGonePerConnection
        | Law::FirstCloseCodeWins
        | Law::ListedMeansOpen
        | Law::CloseIsSent
        | Law::OnlyOpenIsHeard
        | Law::CommandsMeetTheTruth
        | Law::AnswersArriveOnce => Some(Place::World),
        Law::SessionsOutliveConnections
        | Law::ResumedViewersCatchUp
        | Law::AnswersReachTheWorker => Some(Place::Sometimes),
        Law::ClosingEnds
        | Law::StartingResolves
        | Law::ViewersReachTheHead
        | Law::AcceptedPromptsEnd
        | Law::WantedClientsAttach
        | Law::ClientsReachTheHead
        | Law::PromptsAreSettled => Some(Place::Fair),
        Law::ClosingOnlyEnds
        | Law::EndedOnlyReopens
        | Law::GoMeansElsewhere
        | Law::RefusedChangesNothing
        | Law::FactsAreNotRefused
        | Law::OpsInOrder
        | Law::OpsFitTheEvent
        | Law::StaleChangesNothing
        | Law::DeliveredIsDurable
        | Law::ActiveMeansWatched
        | Law::EndedHoldsNothing
        | Law::WorkNeedsAWorker
        | Law::NothingDueIsLeft
        | Law::HeldBeginsNothing
        | Law::LostConnectionNeverStopsWork
        | Law::TimersActWhereTheyWait
        | Law::FailedStartsAreNotRepeated
        | Law::PinsAreKept
        | Law::NewsIsTaken
        | Law::RefusalsAreTrue
        | Law::StopStops
        | Law::NoPromptIsSwallowed
        | Law::OneTurnEndPerPrompt
        | Law::EndIsLoggedOnce
        | Law::InOrderWithoutSilentGaps
        | Law::ReadersReachTheHead
        | Law::EffectsNameOnlyWatchers
        | Law::NothingNeededIsTrimmed
        | Law::BoundedMemory
        | Law::ImpossibleNeverHappens
        | Law::SingleFlight
        | Law::SavedBeforeSent
        | Law::CursorOnlyAdvances
        | Law::StoppedStaysStopped
        | Law::FailuresCount
        | Law::LiveMeansCaughtUp
        | Law::PromptsGoInOrder => None,
    }
}

/// The page.
pub fn page() -> String {
    let mut text = super::markdown::head("The laws");
    text += "What must always hold. The names are those in reports, traces and errors.\n\n";
    text += "| checked | |\n|---|---|\n";
    for place in Place::VARIANTS {
        text += &format!("| {} | {} |\n", place.into_str(), place.meaning());
    }
    text += "\n| law | | checked |\n|---|---|---|\n";
    for law in Law::VARIANTS {
        let (name, meaning) = (law.into_str(), law.meaning());
        let places: Vec<&str> = checked(*law).iter().map(|place| place.into_str()).collect();
        let places = places.join(", ");
        text += &format!("| <a id=\"{name}\"></a>`{name}` | {meaning} | {places} |\n");
    }
    text
}

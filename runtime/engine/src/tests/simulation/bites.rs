//! The checkers bite: every planted bug is caught, and the table says by which seed and by what.

use super::judge::Violation;
use super::{flows, live, on_threads};
use crate::planted::{Bug, assure, plant};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// So many seeds at most until a bug is caught.
const MOST: u64 = 400;

const BUGS: [Bug; 92] = [
    Bug::TaskBudgetIgnored,
    Bug::RunBudgetOfItem,
    Bug::DayOfUtc,
    Bug::RollingHalf,
    Bug::TakenBackTwice,
    Bug::OlderBackFirst,
    Bug::AccountOfAnother,
    Bug::UniqueAcrossAccounts,
    Bug::ArmOfRun,
    Bug::StaleUnseen,
    Bug::MergedOneTooFew,
    Bug::SearchOfEverybody,
    Bug::ForgottenKept,
    Bug::FoundBeforeForgotten,
    Bug::ForgottenGoesOn,
    Bug::CorrectionLost,
    Bug::CorrectionByWorse,
    Bug::SessionShared,
    Bug::PinForgottenAtRestart,
    Bug::LaneLastFirst,
    Bug::BatchAnswersShifted,
    Bug::BatchFailsWhole,
    Bug::BatchRepeatedWhole,
    Bug::BatchSilenceIsDone,
    Bug::BatchGroupIgnored,
    Bug::BatchOneTooMany,
    Bug::BatchBeforeOfAnother,
    Bug::ZombieSends,
    Bug::ZombieRepeats,
    Bug::ZombieAsks,
    Bug::MeantTwice,
    Bug::SettledTwice,
    Bug::ModelBeforeQuestion,
    Bug::QuestionCountedAfter,
    Bug::QuestionUncounted,
    Bug::ReservationForgottenAtRestart,
    Bug::LostAnswerFree,
    Bug::RepairBeyondBound,
    Bug::RetryBeyondBound,
    Bug::ToolUnlisted,
    Bug::ToolCalledTooOften,
    Bug::ToolUnfixed,
    Bug::JudgeIgnored,
    Bug::RevisionBeyondBound,
    Bug::MigratedTwice,
    Bug::MigratedAtWork,
    Bug::MigratedRewritten,
    Bug::MigrationForgotten,
    Bug::RecoveryWaits,
    Bug::PreImageKept,
    Bug::ForkRepeats,
    Bug::ForkAsksNobody,
    Bug::NextTeamForgotten,
    Bug::FreezeIgnored,
    Bug::EffectBeforeIntent,
    Bug::StartAcknowledgedEarly,
    Bug::AnswerAcknowledgedEarly,
    Bug::ReceiptEarly,
    Bug::AttemptInKey,
    Bug::DoubtSentAgain,
    Bug::KeyWindowIgnored,
    Bug::RestartForgetsDoubt,
    Bug::RefusalAfterDoubtBelieved,
    Bug::EditKeepsAgreement,
    Bug::EditsForgotten,
    Bug::QuorumOffByOne,
    Bug::LateAnswerCounts,
    Bug::AnybodyMayAnswer,
    Bug::ApprovalCoversAll,
    Bug::WaitEarly,
    Bug::WaitForgottenAtRestart,
    Bug::QuestionForgottenAtRestart,
    Bug::ScheduleEarly,
    Bug::GuardsUnasked,
    Bug::GuardsForgottenAtRestart,
    Bug::GuardsFreedByDone,
    Bug::BudgetCountedAfter,
    Bug::BudgetOfParentForgotten,
    Bug::EventTwice,
    Bug::DispatchForgottenAtRestart,
    Bug::LaneUnlocked,
    Bug::ParallelOffByOne,
    Bug::PauseIgnored,
    Bug::CancelForgetsEffects,
    Bug::ChildEndForgotten,
    Bug::QuestionLeftOpen,
    Bug::ChainBroken,
    Bug::SequenceGap,
    Bug::InstantNotLogged,
    Bug::ConflictUnseen,
    Bug::EpochUnchecked,
    Bug::AcknowledgedBeforeSync,
];

/// Bugs that the engine's own assertions stop, which are on in every build: the log never has what they would write.
const STOPPED: [Bug; 8] = [
    Bug::MeantTwice,
    Bug::SettledTwice,
    Bug::GuardsUnasked,
    Bug::QuestionCountedAfter,
    Bug::WaitEarly,
    Bug::LateAnswerCounts,
    Bug::MigratedTwice,
    Bug::MigratedAtWork,
];

/// What a life came to. Where the log of a bug cannot be opened any more the life ends there.
fn lived(life: impl FnOnce() -> Option<Violation>) -> Option<Violation> {
    catch_unwind(AssertUnwindSafe(life)).unwrap_or_else(|panic| match panic.downcast_ref::<String>() {
        Some(what) if what.starts_with("the log cannot be opened") => Some(Violation { invariant: "I7", what: what.clone() }),
        _ => resume_unwind(panic),
    })
}

/// The first seed that fails with a bug and is clean without it, for each bug, and by what. Where the engine's own assertions are off, what
/// they would stop comes to the checkers of the simulation.
fn first_seeds(bugs: &[Bug], assured: bool) -> Vec<(Bug, Option<(u64, Violation)>)> {
    let plans = flows::plans();
    on_threads(bugs.to_vec(), |bug| {
        assure(assured);
        let found = (0..MOST).find_map(|seed| {
            plant(Some(*bug));
            let violation = lived(|| live(seed, &plans).violations.into_iter().next());
            plant(None);
            // What is seen without the bug, too, is another one.
            violation.filter(|_| live(seed, &plans).violations.is_empty()).map(|violation| (seed, violation))
        });
        assure(true);
        // As soon as it is known: a bug that no seed meets takes the longest.
        if let Some((seed, violation)) = &found {
            println!("| {bug:?} | {} | {} | {} |", seed + 1, violation.invariant, violation.what);
        }
        found
    })
}

#[test]
fn every_planted_bug_is_caught_by_a_checker_of_the_simulation() {
    let mut missed = Vec::new();
    println!("| bug | seeds | caught by | what it says |\n|---|---|---|---|");
    missed.extend(first_seeds(&BUGS, false).into_iter().filter(|(_, caught)| caught.is_none()).map(|(bug, _)| bug));
    assert!(missed.is_empty(), "no checker sees these: {missed:?}");
}

#[test]
fn what_the_engine_asserts_of_itself_is_stopped_before_it_is_in_the_log() {
    for (bug, caught) in first_seeds(&STOPPED, true) {
        assert_eq!(caught.map(|(_, violation)| violation.invariant), Some("I20"), "{bug:?}");
    }
}

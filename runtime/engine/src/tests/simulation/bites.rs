//! The checkers bite: every planted bug is caught, and the table says by which seed and by what.

use super::judge::Violation;
use super::{flows, live, on_threads};
use crate::planted::{Bug, assure, plant};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, OnceLock};

/// So many seeds at most until a bug is caught.
const MOST: u64 = 400;

/// Every bug, and a seed that meets it, as far as that is known: it is tried first. A draw more or less changes all seeds; then the others
/// are tried from the first one on, which takes minutes, and what is printed says which to write here.
const BUGS: [(Bug, u64); 89] = [
    (Bug::TaskBudgetIgnored, 1),
    (Bug::RunBudgetOfItem, 0),
    (Bug::DayOfUtc, 0),
    (Bug::RollingHalf, 0),
    (Bug::TakenBackTwice, 3),
    (Bug::OlderBackFirst, 16),
    (Bug::AccountOfAnother, 20),
    (Bug::UniqueAcrossAccounts, 3),
    (Bug::ArmOfRun, 1),
    (Bug::StaleUnseen, 0),
    (Bug::SearchOfEverybody, 0),
    (Bug::CorrectionLost, 5),
    (Bug::CorrectionByWorse, 0),
    (Bug::SessionShared, 0),
    (Bug::PinForgottenAtRestart, 0),
    (Bug::LaneLastFirst, 4),
    (Bug::BatchAnswersShifted, 0),
    (Bug::BatchFailsWhole, 4),
    (Bug::BatchRepeatedWhole, 1),
    (Bug::BatchSilenceIsDone, 1),
    (Bug::BatchGroupIgnored, 1),
    (Bug::BatchOneTooMany, 0),
    (Bug::BatchBeforeOfAnother, 0),
    (Bug::ZombieSends, 2),
    (Bug::ZombieAsks, 2),
    (Bug::MeantTwice, 0),
    (Bug::SettledTwice, 0),
    (Bug::ModelBeforeQuestion, 0),
    (Bug::QuestionCountedAfter, 0),
    (Bug::QuestionUncounted, 0),
    (Bug::ReservationForgottenAtRestart, 0),
    (Bug::LostAnswerFree, 0),
    (Bug::RepairBeyondBound, 1),
    (Bug::RetryBeyondBound, 3),
    (Bug::ToolUnlisted, 0),
    (Bug::ToolCalledTooOften, 3),
    (Bug::ToolUnfixed, 3),
    (Bug::JudgeIgnored, 0),
    (Bug::RevisionBeyondBound, 0),
    (Bug::MigratedTwice, 0),
    (Bug::MigratedAtWork, 1),
    (Bug::MigratedRewritten, 3),
    (Bug::MigrationForgotten, 1),
    (Bug::RecoveryWaits, 3),
    (Bug::PreImageKept, 0),
    (Bug::ForkRepeats, 72),
    (Bug::ForkAsksNobody, 5),
    (Bug::NextTeamForgotten, 8),
    (Bug::FreezeIgnored, 0),
    (Bug::EffectBeforeIntent, 0),
    (Bug::StartAcknowledgedEarly, 0),
    (Bug::AnswerAcknowledgedEarly, 0),
    (Bug::ReceiptEarly, 0),
    (Bug::AttemptInKey, 0),
    (Bug::DoubtSentAgain, 1),
    (Bug::RestartForgetsDoubt, 0),
    (Bug::RefusalAfterDoubtBelieved, 2),
    (Bug::LetterUnderNewKey, 3),
    (Bug::EditsForgotten, 4),
    (Bug::QuorumOffByOne, 0),
    (Bug::LateAnswerCounts, 1),
    (Bug::AnybodyMayAnswer, 1),
    (Bug::ApprovalCoversAll, 66),
    (Bug::WaitEarly, 0),
    (Bug::WaitForgottenAtRestart, 1),
    (Bug::QuestionForgottenAtRestart, 1),
    (Bug::ScheduleEarly, 0),
    (Bug::GuardsUnasked, 0),
    (Bug::GuardsForgottenAtRestart, 0),
    (Bug::GuardsFreedByDone, 0),
    (Bug::BudgetCountedAfter, 0),
    (Bug::BudgetOfParentForgotten, 0),
    (Bug::EventTwice, 12),
    (Bug::DispatchForgottenAtRestart, 1),
    (Bug::LaneUnlocked, 0),
    (Bug::ParallelOffByOne, 0),
    (Bug::PauseIgnored, 1),
    (Bug::CancelForgetsEffects, 0),
    (Bug::ChildEndForgotten, 3),
    (Bug::QuestionLeftOpen, 2),
    (Bug::ChainBroken, 0),
    (Bug::SequenceGap, 0),
    (Bug::InstantNotLogged, 0),
    (Bug::ConflictUnseen, 0),
    (Bug::EpochUnchecked, 0),
    (Bug::AcknowledgedBeforeSync, 0),
    (Bug::ZombieRepeats, 3),
    (Bug::KeyWindowIgnored, 2),
    (Bug::EditKeepsAgreement, 1),
];

/// What none of the first 120 seeds meets while nobody is forgotten: it is tried by its name alone.
const RARE: [Bug; 1] = [Bug::ForkAsksNobody];

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

/// Whether seeds are clean without any bug: many bugs are met by the same ones.
#[derive(Default)]
struct Clean(Mutex<BTreeMap<u64, Arc<OnceLock<bool>>>>);

impl Clean {
    fn is(&self, seed: u64, plans: &flows::Plans) -> bool {
        let known = self.0.lock().unwrap().entry(seed).or_default().clone();
        *known.get_or_init(|| live(seed, plans).violations.is_empty())
    }
}

/// A seed that fails with a bug and is clean without it, for each bug, and by what. Where the engine's own assertions are off, what they
/// would stop comes to the checkers of the simulation.
fn seeds_of(bugs: &[(Bug, u64)], assured: bool) -> Vec<(Bug, Option<(u64, Violation)>)> {
    let (plans, clean) = (flows::plans(), Clean::default());
    let from_the_first = std::env::var("TRADEWIND_BITES").is_ok_and(|how| how == "search");
    let found = on_threads(bugs.to_vec(), |(bug, known)| {
        let known = Some(*known).filter(|_| !from_the_first);
        let found = known.into_iter().chain((0..MOST).filter(|seed| Some(*seed) != known)).find_map(|seed| {
            assure(assured);
            plant(Some(*bug));
            let violation = lived(|| live(seed, &plans).violations.into_iter().next());
            plant(None);
            assure(true);
            // What is seen without the bug, too, is another one.
            violation.filter(|_| clean.is(seed, &plans)).map(|violation| (seed, violation))
        });
        // As soon as it is known: a bug that no seed meets takes the longest.
        if let Some((seed, violation)) = &found {
            println!("| {bug:?} | {} | {} | {} |", seed + 1, violation.invariant, violation.what);
        }
        found
    });
    found.into_iter().map(|((bug, _), found)| (bug, found)).collect()
}

#[test]
fn every_planted_bug_is_caught_by_a_checker_of_the_simulation() {
    // One alone, by its name, from the first seed on.
    let only = std::env::var("TRADEWIND_BUG").ok();
    let is_wanted = |bug: &Bug| match &only {
        Some(only) => format!("{bug:?}") == *only,
        None => !RARE.contains(bug),
    };
    let bugs: Vec<(Bug, u64)> = BUGS.into_iter().filter(|(bug, _)| is_wanted(bug)).collect();
    assert!(!bugs.is_empty(), "no bug is named {only:?}");
    println!("| bug | seeds | caught by | what it says |\n|---|---|---|---|");
    let missed: Vec<Bug> = seeds_of(&bugs, false).into_iter().filter(|(_, caught)| caught.is_none()).map(|(bug, _)| bug).collect();
    assert!(missed.is_empty(), "no checker sees these: {missed:?}");
}

#[test]
fn what_the_engine_asserts_of_itself_is_stopped_before_it_is_in_the_log() {
    let stopped: Vec<(Bug, u64)> = BUGS.into_iter().filter(|(bug, _)| STOPPED.contains(bug)).collect();
    for (bug, caught) in seeds_of(&stopped, true) {
        assert_eq!(caught.map(|(_, violation)| violation.invariant), Some("I20"), "{bug:?}");
    }
}

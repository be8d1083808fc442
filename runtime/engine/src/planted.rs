//! Bugs that a test plants, to prove that the checkers of the simulation bite. Outside of tests nothing is ever planted.

/// A bug at its place in the code, named by what goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// An effect leaves before its intent is durable.
    #[cfg(test)]
    EffectBeforeIntent,
    /// A model is asked before the question is durable.
    #[cfg(test)]
    ModelBeforeQuestion,
    /// A start is acknowledged before it is durable.
    #[cfg(test)]
    StartAcknowledgedEarly,
    /// An answer is acknowledged before it is durable.
    #[cfg(test)]
    AnswerAcknowledgedEarly,
    /// An event is acknowledged before it is durable.
    #[cfg(test)]
    ReceiptEarly,
    /// One decision means an effect twice.
    MeantTwice,
    /// One decision settles an effect twice.
    SettledTwice,
    /// What became of one call of a batch is told to the next one.
    BatchAnswersShifted,
    /// Where one call of a batch failed, all of it is told to have failed.
    BatchFailsWhole,
    /// A batch of which an answer is missing is sent again, whole.
    BatchRepeatedWhole,
    /// A call of a batch of which nothing is said is taken for done, as another one is.
    BatchSilenceIsDone,
    /// Calls of one operation go together whatever their group.
    BatchGroupIgnored,
    /// One call more than its operation takes goes in a batch.
    BatchOneTooMany,
    /// What was there before one write of several is taken for what was there before each.
    BatchBeforeOfAnother,
    /// A fact that corrects another leaves it as it was.
    CorrectionLost,
    /// What is trusted less takes the place of what is trusted more.
    CorrectionByWorse,
    /// An agent remembers what was said under other keys, too.
    SessionShared,
    /// After a restart a run follows the plan of now.
    PinForgottenAtRestart,
    /// The number of the attempt is in the idempotency key.
    AttemptInKey,
    /// What cannot be sent twice is sent again when its outcome is in doubt.
    DoubtSentAgain,
    /// A key is relied on after the provider forgot it.
    KeyWindowIgnored,
    /// After a restart an open effect is sent as if it never was.
    RestartForgetsDoubt,
    /// A refusal is believed although an earlier attempt may have happened.
    RefusalAfterDoubtBelieved,
    /// An edit keeps the agreement of those who saw something else.
    EditKeepsAgreement,
    /// What is sent is what was asked for, not what was approved.
    EditsForgotten,
    /// One person fewer than the quorum is enough.
    QuorumOffByOne,
    /// An answer counts after its time.
    LateAnswerCounts,
    /// Anybody may answer.
    AnybodyMayAnswer,
    /// An approval of one request is taken for every request of its step.
    ApprovalCoversAll,
    /// A fork does again what was done before it.
    ForkRepeats,
    /// Nobody is asked about what a fork does in the place of something else.
    ForkAsksNobody,
    /// The team that is to be asked next never is.
    NextTeamForgotten,
    /// What is frozen is begun all the same.
    FreezeIgnored,
    /// What takes back has another key each time, and nobody keeps it from being done twice.
    TakenBackTwice,
    /// Who agreed to take back what is older does not wait for what is newer.
    OlderBackFirst,
    /// What is taken back is taken back in the name of the first account of its connector.
    AccountOfAnother,
    /// A business key counts for all accounts together.
    UniqueAcrossAccounts,
    /// The arm of a rollout is that of the run, and not of its unit.
    ArmOfRun,
    /// A series whose newest point is too old is measured all the same.
    StaleUnseen,
    /// Of points that are merged one is not counted.
    MergedOneTooFew,
    /// What is known of everybody is shown to who looks for one.
    SearchOfEverybody,
    /// What was remembered of somebody who was forgotten stays in memory.
    ForgottenKept,
    /// What was looked for before somebody was forgotten is given after it.
    FoundBeforeForgotten,
    /// Runs that met somebody who is forgotten go on.
    ForgottenGoesOn,
    /// What was there before is not read again after a person was asked.
    PreImageKept,
    /// A wait ends a microsecond early.
    WaitEarly,
    /// Waits are not taken up after a restart.
    WaitForgottenAtRestart,
    /// Deadlines of questions are not taken up after a restart.
    QuestionForgottenAtRestart,
    /// A clock strikes early.
    ScheduleEarly,
    /// The guards are not asked when an intent is sealed.
    GuardsUnasked,
    /// The guards forget what was taken before a restart.
    GuardsForgottenAtRestart,
    /// What certainly did not happen frees what another effect took.
    GuardsFreedByDone,
    /// The price of a call is counted after it.
    BudgetCountedAfter,
    /// Items forget what the run around them had spent.
    BudgetOfParentForgotten,
    /// The price of a question is held against shared budgets only when it is asked.
    QuestionCountedAfter,
    /// What a task may cost is not asked for.
    TaskBudgetIgnored,
    /// Each item of a loop has the budget of its run to itself.
    RunBudgetOfItem,
    /// The day of a budget is that of UTC.
    DayOfUtc,
    /// The last hours of a budget are half as many.
    RollingHalf,
    /// What a question costs is taken of no shared budget.
    QuestionUncounted,
    /// What a model was asked when the process ended is taken for free.
    ReservationForgottenAtRestart,
    /// What may have been worked for an answer that was lost is taken for free.
    LostAnswerFree,
    /// An answer that does not fit is said back once more than declared.
    RepairBeyondBound,
    /// A model that cannot be reached is asked without end.
    RetryBeyondBound,
    /// A tool that the step does not have is taken for its first one.
    ToolUnlisted,
    /// A tool is called once more than declared.
    ToolCalledTooOften,
    /// What is fixed of a tool's request is the model's to say.
    ToolUnfixed,
    /// A draft is accepted whatever its judge says.
    JudgeIgnored,
    /// A draft is written anew once more than declared.
    RevisionBeyondBound,
    /// A run is led over to the active plan twice.
    MigratedTwice,
    /// A run is led over while an effect of it is under way.
    MigratedAtWork,
    /// A run is led over although the step at which it waits is written differently.
    MigratedRewritten,
    /// Runs that wait are not looked at when another plan is active.
    MigrationForgotten,
    /// After a restart nothing is taken up before the clock moves.
    RecoveryWaits,
    /// Who lost the log repeats a write whose key may be forgotten by then.
    ZombieRepeats,
    /// Who lost the log asks a model again.
    ZombieAsks,
    /// A delivery that came before is taken again.
    EventTwice,
    /// What events start is not started after a restart.
    DispatchForgottenAtRestart,
    /// Runs of one concurrency key work beside each other.
    LaneUnlocked,
    /// The last run of a concurrency key goes first.
    LaneLastFirst,
    /// One item more than allowed is at work.
    ParallelOffByOne,
    /// A paused run goes on.
    PauseIgnored,
    /// A cancelled run does not settle what it has under way.
    CancelForgetsEffects,
    /// What a child ended with is not told to its parent after a restart.
    ChildEndForgotten,
    /// Questions of a run that ends stay open.
    QuestionLeftOpen,
    /// A segment is chained to the one before the last.
    ChainBroken,
    /// A number of the log is left out.
    SequenceGap,
    /// The log names another instant than the one that was decided with.
    InstantNotLogged,
    /// Another input under a known key is taken for the same.
    ConflictUnseen,
    /// Who lost the log still sends what cannot be sent twice. Planted in the twin.
    #[cfg(test)]
    ZombieSends,
    /// The store does not compare epochs. Planted in the twin.
    #[cfg(test)]
    EpochUnchecked,
    /// The store acknowledges before it syncs. Planted in the twin.
    #[cfg(test)]
    AcknowledgedBeforeSync,
}

/// Whether a bug is planted on this thread.
#[cfg(test)]
pub(crate) fn planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Nothing ever is.
#[cfg(not(test))]
pub(crate) const fn planted(_: Bug) -> bool {
    false
}

#[cfg(test)]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Plants a bug on this thread, or takes it out.
#[cfg(test)]
pub(crate) fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Whether the engine holds its decisions against its invariants on this thread: a test of other checkers turns that off.
#[cfg(test)]
pub(crate) fn is_assured() -> bool {
    ASSURED.get()
}

/// It always does.
#[cfg(not(test))]
pub(crate) const fn is_assured() -> bool {
    true
}

#[cfg(test)]
thread_local! {
    static ASSURED: std::cell::Cell<bool> = const { std::cell::Cell::new(true) };
}

/// Turns the engine's own assertions on or off on this thread.
#[cfg(test)]
pub(crate) fn assure(on: bool) {
    ASSURED.set(on);
}

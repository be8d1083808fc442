//! Holes that a test plants in what is proved of outside text, to prove that the tests of it bite. Without the feature `planted` nothing
//! ever is, and nothing of it is there.

/// A hole at its place in the compiler, named by what forgets that outside text is, or decided, something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hole {
    /// The value of a `let`.
    Let,
    /// The `when` of a step.
    When,
    /// The condition of an arm.
    Arm,
    /// The condition of a rule.
    Rule,
    /// The choice of `? :`.
    Conditional,
    /// The value that `among` held to a list.
    Among,
    /// What was looked up by it.
    LookUp,
    /// The label of a class.
    Label,
    /// The list that a loop goes over.
    Items,
    /// The `where` of a loop.
    Picked,
    /// What a step failed over that is then left out.
    Skipped,
    /// What a step, or the item that it is of, is left out over.
    LeftOut,
    /// What a flow failed over, in `on-failure`.
    Failure,
    /// What became of a step.
    State,
    /// The target of a call.
    Target,
    /// What an act was given.
    Request,
    /// The fields of an event that is emitted.
    Event,
    /// Whether an event is emitted.
    Emission,
    /// The condition, or the mapping, of a trigger.
    Trigger,
    /// The `where` of a wait.
    Wait,
    /// A value that is remembered.
    Kept,
    /// Whether a fact is remembered.
    Fact,
    /// What another flow is given.
    Called,
    /// What another flow answers.
    Answer,
    /// Facts and effects of a run that fails over it.
    Failed,
    /// Of whom a fact is remembered.
    Subject,
    /// The `when` of a row that is remembered.
    Row,
    /// What an act that is taken back rested on.
    Undone,
    /// The length of a list, and the key of an item.
    Bound,
    /// Which events a wait took before another one.
    Taken,
    /// The key of a run, and of its concurrency.
    Key,
    /// What a model wrote that was told of it.
    Draft,
    /// What an agent answered that was told of it.
    Agent,
    /// What an agent may do that was told of it.
    Tool,
    /// Which facts are found.
    Search,
}

/// Whether a hole is planted on this thread.
#[cfg(feature = "planted")]
pub(crate) fn planted(hole: Hole) -> bool {
    PLANTED.get() == Some(hole)
}

/// Nothing ever is.
#[cfg(not(feature = "planted"))]
pub(crate) const fn planted(_: Hole) -> bool {
    false
}

#[cfg(feature = "planted")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Hole>> = const { std::cell::Cell::new(None) };
}

#[cfg(feature = "planted")]
const HOLES: &[Hole] = &[
    Hole::Let,
    Hole::When,
    Hole::Arm,
    Hole::Rule,
    Hole::Conditional,
    Hole::Among,
    Hole::LookUp,
    Hole::Label,
    Hole::Items,
    Hole::Picked,
    Hole::Skipped,
    Hole::LeftOut,
    Hole::Failure,
    Hole::State,
    Hole::Target,
    Hole::Request,
    Hole::Event,
    Hole::Emission,
    Hole::Trigger,
    Hole::Wait,
    Hole::Kept,
    Hole::Fact,
    Hole::Called,
    Hole::Answer,
    Hole::Failed,
    Hole::Subject,
    Hole::Row,
    Hole::Undone,
    Hole::Bound,
    Hole::Taken,
    Hole::Key,
    Hole::Draft,
    Hole::Agent,
    Hole::Tool,
    Hole::Search,
];

/// The names of all holes.
#[cfg(feature = "planted")]
#[must_use]
pub fn holes() -> Vec<String> {
    HOLES.iter().map(|hole| format!("{hole:?}")).collect()
}

/// Plants the hole of a name on this thread, or takes it out. Compile on one thread: others know nothing of it.
#[cfg(feature = "planted")]
pub fn plant(name: Option<&str>) {
    PLANTED.set(HOLES.iter().copied().find(|hole| Some(format!("{hole:?}").as_str()) == name));
}

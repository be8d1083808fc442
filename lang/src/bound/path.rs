//! The longest way through a flow's steps by some measure, and which steps are on it. Every step waits for those it depends on;
//! a choice is over when its longest arm is, a loop when its last round is. It knows no units.

use crate::plan::{Each, Micros, Step, StepKind};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Rounds that are looked at one by one where what a round takes depends on its place.
const LOOKED_AT: u64 = 1_000;

/// The longest way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Longest {
    /// How long it is.
    pub micros: Micros,
    /// The steps on it that take any time, in order.
    pub legs: Vec<Leg>,
}

/// A step of the longest way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// Its name.
    pub step: String,
    /// How long it takes, all rounds of a loop together.
    pub micros: Micros,
    /// How many rounds one after the other; 1 where it is no loop.
    pub rounds: u64,
    /// The longest way through the last round of a loop.
    pub inside: Vec<Self>,
}

/// Places of items in a loop: the first and the last that a round may hold.
pub(super) type Items = (i64, i64);

/// The longest way through all steps; `weigh` gives the length of a step that holds no others, for an item of the loop around it.
pub(super) fn longest(steps: &[Step], weigh: &dyn Fn(usize, Items) -> Micros) -> Longest {
    Ways::of(steps, weigh).through(None, (0, 0))
}

/// For each step the nearest loop around it. What holds a step stands before it.
pub(super) fn loops(steps: &[Step]) -> Vec<Option<usize>> {
    let mut found: Vec<Option<usize>> = Vec::with_capacity(steps.len());
    for step in steps {
        let around = step.within.and_then(|(holder, _)| {
            let holder = usize::from(holder.0);
            let own = matches!(steps.get(holder)?.kind, StepKind::Each(_)).then_some(holder);
            own.or_else(|| found.get(holder).copied().flatten())
        });
        found.push(around);
    }
    found
}

/// The steps of one body: of the flow, or of a loop's round.
#[derive(Default)]
struct Body {
    members: Vec<usize>,
    /// Every step that is one of them or stands in one, however deep, with the member's place in `members`.
    standing: Vec<(usize, usize)>,
}

struct Ways<'a> {
    steps: &'a [Step],
    loops: Vec<Option<usize>>,
    bodies: BTreeMap<Option<usize>, Body>,
    /// The place of each step among the members of its body.
    places: Vec<usize>,
    weigh: &'a dyn Fn(usize, Items) -> Micros,
    /// Loops that were gone through. All rounds of one take as long wherever it stands, and the loop around it is looked at twice
    /// and more often: without this, loops in loops would double with every level.
    gone: RefCell<BTreeMap<usize, Leg>>,
}

impl<'a> Ways<'a> {
    fn of(steps: &'a [Step], weigh: &'a dyn Fn(usize, Items) -> Micros) -> Self {
        let loops = loops(steps);
        let mut bodies: BTreeMap<Option<usize>, Body> = BTreeMap::new();
        let mut places = Vec::with_capacity(steps.len());
        for (at, around) in loops.iter().enumerate() {
            let body = bodies.entry(*around).or_default();
            places.push(body.members.len());
            body.members.push(at);
            let (mut member, mut around) = (at, Some(*around));
            // Bounded: a loop stands before its steps.
            while let Some(body) = around {
                let place = places.get(member).copied().unwrap_or(0);
                bodies.entry(body).or_default().standing.push((at, place));
                member = body.unwrap_or(member);
                around = body.and_then(|holder| loops.get(holder).copied());
            }
        }
        Self { steps, loops, bodies, places, weigh, gone: RefCell::default() }
    }
}

/// Moments of one body: each step has a beginning (its place doubled) and an end (one more).
struct Moments {
    after: Vec<Vec<usize>>,
    before: Vec<usize>,
    at: Vec<Micros>,
    last: Vec<Option<usize>>,
}

impl Moments {
    fn of(steps: usize) -> Self {
        Self { after: vec![Vec::new(); 2 * steps], before: vec![0; 2 * steps], at: vec![0; 2 * steps], last: vec![None; 2 * steps] }
    }

    fn follows(&mut self, first: usize, second: usize) {
        if let (Some(after), Some(before)) = (self.after.get_mut(first), self.before.get_mut(second)) {
            after.push(second);
            *before += 1;
        }
    }

    /// Goes through all moments, each after those before it.
    fn pass(&mut self, length: impl Fn(usize, usize) -> Micros) {
        let mut open: Vec<usize> = (0..self.before.len()).filter(|moment| self.before.get(*moment) == Some(&0)).collect();
        while let Some(moment) = open.pop() {
            let reached = self.at.get(moment).copied().unwrap_or(0);
            for next in self.after.get(moment).cloned().unwrap_or_default() {
                let arrives = reached.saturating_add(length(moment, next));
                if let (Some(at), Some(last)) = (self.at.get_mut(next), self.last.get_mut(next))
                    && (arrives > *at || last.is_none())
                {
                    *at = arrives.max(*at);
                    *last = Some(moment);
                }
                if let Some(before) = self.before.get_mut(next) {
                    *before = before.saturating_sub(1);
                    if *before == 0 {
                        open.push(next);
                    }
                }
            }
        }
    }
}

impl Ways<'_> {
    /// The longest way through the steps of one body.
    fn through(&self, of: Option<usize>, items: Items) -> Longest {
        let Some(body) = self.bodies.get(&of) else { return Longest::default() };
        let mut moments = Moments::of(body.members.len());
        let mut legs: Vec<Option<Leg>> = Vec::with_capacity(body.members.len());
        for (place, at) in body.members.iter().enumerate() {
            moments.follows(2 * place, 2 * place + 1);
            legs.push(self.steps.get(*at).and_then(|step| match &step.kind {
                StepKind::Choose { .. } => None,
                StepKind::Each(each) => Some(self.rounds(*at, &step.name, each)),
                _ => Some(Leg { step: step.name.clone(), micros: (self.weigh)(*at, items), rounds: 1, inside: Vec::new() }),
            }));
        }
        self.tie(of, body, &mut moments);
        let leg = |place: usize| legs.get(place).and_then(Option::as_ref);
        moments.pass(|from, to| leg(from / 2).filter(|_| from % 2 == 0 && to == from + 1).map_or(0, |leg| leg.micros));
        let ends = (0..body.members.len()).map(|place| 2 * place + 1);
        let end = ends.max_by_key(|moment| (moments.at.get(*moment).copied(), std::cmp::Reverse(*moment)));
        let mut way = Longest { micros: end.and_then(|end| moments.at.get(end).copied()).unwrap_or(0), legs: Vec::new() };
        let mut moment = end;
        while let Some(at) = moment {
            let before = moments.last.get(at).copied().flatten();
            if at % 2 == 1 && before == Some(at - 1) {
                way.legs.extend(leg(at / 2).filter(|leg| leg.micros > 0).cloned());
            }
            moment = before;
        }
        way.legs.reverse();
        way
    }

    /// What comes after what in one body.
    fn tie(&self, of: Option<usize>, body: &Body, moments: &mut Moments) {
        let place = |at: usize| (self.loops.get(at) == Some(&of)).then(|| self.places.get(at).copied()).flatten();
        for (at, own) in &body.standing {
            let Some(step) = self.steps.get(*at) else { continue };
            // A step of an inner loop stands for its loop here: the loop begins when what its steps wait for is over.
            let member = body.members.get(*own).copied();
            if member == Some(*at)
                && let Some(holder) = step.within.and_then(|(holder, _)| place(usize::from(holder.0)))
            {
                moments.follows(2 * holder, 2 * own);
                moments.follows(2 * own + 1, 2 * holder + 1);
            }
            for depends in step.depends.iter().map(|id| usize::from(id.0)) {
                let holds = member.is_none_or(|member| depends == member || self.holds(depends, member));
                if let Some(before) = place(depends).filter(|_| !holds) {
                    moments.follows(2 * before + 1, 2 * own);
                }
            }
        }
    }

    fn holds(&self, holder: usize, at: usize) -> bool {
        let mut within = self.steps.get(at).and_then(|step| step.within);
        while let Some((around, _)) = within {
            if usize::from(around.0) == holder {
                return true;
            }
            within = self.steps.get(usize::from(around.0)).and_then(|step| step.within);
        }
        false
    }

    /// All rounds of a loop, so many items at once in each.
    fn rounds(&self, at: usize, name: &str, each: &Each) -> Leg {
        if let Some(gone) = self.gone.borrow().get(&at) {
            return gone.clone();
        }
        let leg = self.each_round(at, name, each);
        self.gone.borrow_mut().insert(at, leg.clone());
        leg
    }

    fn each_round(&self, at: usize, name: &str, each: &Each) -> Leg {
        let (max, parallel) = (u64::from(each.max), u64::from(each.parallel.max(1)));
        let rounds = max.div_ceil(parallel);
        let place = |item: u64| i64::try_from(item).unwrap_or(i64::MAX);
        let any = self.through(Some(at), (0, place(max.saturating_sub(1))));
        let leg = |micros, inside| Leg { step: name.to_owned(), micros, rounds, inside };
        let same = rounds == 1 || self.through(Some(at), (0, 0)).micros == any.micros;
        if same || rounds > LOOKED_AT {
            return leg(any.micros.saturating_mul(place(rounds)), any.legs);
        }
        let mut sum: Micros = 0;
        let mut last = Longest::default();
        for round in 0..rounds {
            let first = round * parallel;
            last = self.through(Some(at), (place(first), place(max.min(first + parallel) - 1)));
            sum = sum.saturating_add(last.micros);
        }
        leg(sum, last.legs)
    }
}

//! Group commit: the events of all decisions that wait, in one segment, in a task of its own.
//!
//! Guards are asked here, in the order of the log, so that two runs never share the last of a limit.

use super::write::settled;
use super::{Entry, Inside, Pending, Reply, Shard, Started, perform};
use crate::approval::AnswerRefusal;
use crate::codec::Writer;
use crate::decide::{Cause, Decision, Draft, Effect, Input, Timer};
use crate::event::{EVENT_FORMAT, Event, EventKind, Header, SEMANTICS, StepRef};
use crate::pinned::Pinned;
use crate::planted::{Bug, planted};
use crate::ports::StoreError;
use crate::segment::Segment;
use std::sync::Arc;
use tradewind_lang::plan::StepId;

/// Most events of a commit.
const MOST_EVENTS: u32 = 512;
/// Most bytes of the commit of several decisions.
const MOST_BYTES: usize = 1 << 20;
/// Most bytes of one decision, which is committed alone where it needs more than [`MOST_BYTES`]; far below what any store takes.
const MOST_ALONE: usize = 4 << 20;

/// The commit under way.
pub(crate) struct Batch {
    items: Vec<Item>,
    first: u64,
    next: u64,
    hash: tradewind_lang::plan::Digest,
}

pub(super) struct Item {
    run: Option<Arc<str>>,
    events: Vec<Event>,
    effects: Vec<Effect>,
    reply: Option<Reply>,
    active: Arc<Pinned>,
    /// What the guards did not let pass, in order.
    refused: Vec<Input>,
}

impl Shard {
    /// Begins a commit of what waits; whether there was anything to commit.
    pub(super) fn commit(&mut self) -> bool {
        let mut writer = Writer::default();
        let mut items = Vec::new();
        let first = self.head.next;
        if let Some(item) = self.carried.take() {
            let item = self.seat(item, first, &mut writer);
            items.push(item);
        }
        while writer.count() < MOST_EVENTS && writer.len() < MOST_BYTES {
            let Some(pending) = self.pending.pop_front() else { break };
            let mark = writer.mark();
            let Some(item) = self.seal(pending, first, &mut writer) else { continue };
            if writer.len() > MOST_BYTES && !items.is_empty() {
                writer.back_to(mark);
                self.carried = Some(item);
                break;
            }
            items.push(item);
        }
        if writer.is_empty() {
            return false;
        }
        #[cfg(test)]
        self.act_early(&mut items);
        let (count, inside, log, epoch) = (writer.count(), self.inside.clone(), self.ports.log.clone(), self.head.epoch);
        let segment = writer.finish().map(|body| Segment::seal(self.shard, first, count, self.head.hash, body));
        match segment {
            Ok(segment) => {
                self.committing = Some(Batch { items, first, next: first + u64::from(count), hash: segment.hash });
                // In a task of its own: nothing that is dropped can leave half a write.
                tokio::spawn(async move {
                    // A key is durable before anything that is sealed with it.
                    let result = match settled(&log).await {
                        Ok(()) => log.append(epoch, segment).await,
                        Err(error) => Err(error),
                    };
                    let _ = inside.send(Inside::Committed(result));
                });
            }
            Err(error) => {
                let _ = inside.send(Inside::Committed(Err(StoreError::Other(error))));
                self.committing = Some(Batch { items: Vec::new(), first, next: first, hash: self.head.hash });
            }
        }
        true
    }

    /// What must wait until the commit is durable, where a bug is planted.
    #[cfg(test)]
    fn act_early(&mut self, items: &mut [Item]) {
        for item in items {
            if let Some(run) = item.run.clone().filter(|_| planted(Bug::EffectBeforeIntent)) {
                let early = item.effects.iter().filter(|effect| matches!(effect, Effect::Perform { .. }));
                early.cloned().collect::<Vec<_>>().into_iter().for_each(|effect| self.perform(&run, effect));
            }
            if let Some(run) = item.run.clone().filter(|_| planted(Bug::ModelBeforeQuestion)) {
                let early = item.effects.extract_if(.., |effect| matches!(effect, Effect::Say { .. }));
                early.collect::<Vec<_>>().into_iter().for_each(|effect| self.perform(&run, effect));
            }
            item.reply = match item.reply.take() {
                Some(Reply::Start(reply)) if planted(Bug::StartAcknowledgedEarly) => {
                    let run_id = item.run.clone().unwrap_or_default();
                    drop(reply.send(Started { run_id, is_new: true, conflict: false }));
                    None
                }
                Some(Reply::Answer(reply)) if planted(Bug::AnswerAcknowledgedEarly) => {
                    drop(reply.send(Ok(())));
                    None
                }
                Some(Reply::Receive(reply)) if planted(Bug::ReceiptEarly) => {
                    self.received(&item.events, reply);
                    None
                }
                other => other,
            };
        }
    }

    /// Gives a decision's events their places, or hands it back where the guards leave nothing of it.
    fn seal(&mut self, pending: Pending, first: u64, writer: &mut Writer) -> Option<Item> {
        let Pending { run, mut decision, now, reply, active } = pending;
        let mut refused = self.ask_guards(&mut decision, now);
        let (mut decision, reply) = self.assure(run.as_ref(), decision, reply, (&mut refused, now))?;
        if decision.events.is_empty() {
            if let Some(run) = run {
                self.go_on(&run, decision.effects, refused);
            }
            return None;
        }
        let lead = first + u64::from(writer.count());
        let (mut events, from) = (Vec::with_capacity(decision.events.len()), writer.len());
        let mut subjects = self.subjects_of(run.as_ref());
        let mut drafts = std::mem::take(&mut decision.events).into_iter();
        while let Some(draft) = drafts.next() {
            let mark = writer.mark();
            let mut event = self.event((run.as_ref(), &active), draft, now, first + u64::from(writer.count()), lead);
            self.write(writer, &mut event, &active, &mut subjects);
            if let Some(run) = run.as_ref().filter(|_| writer.len() - from > MOST_ALONE) {
                writer.back_to(mark);
                let rest = std::iter::once(event.kind.clone()).chain(drafts.map(|draft| draft.kind)).collect();
                decision.effects = self.cut(run, rest, decision.effects);
                if events.is_empty() {
                    let mut event = self.reduced(run, event);
                    self.write(writer, &mut event, &active, &mut subjects);
                    events.push(event);
                }
                break;
            }
            events.push(event);
        }
        Some(Item { run, events, effects: decision.effects, reply, active, refused })
    }

    /// Gives an item that was carried over its places at the head of this commit.
    fn seat(&mut self, mut item: Item, first: u64, writer: &mut Writer) -> Item {
        let old = item.events.first().map_or(first, |event| event.header.seq);
        for (event, seq) in item.events.iter_mut().zip(first..) {
            event.header.seq = seq;
            if event.header.causation == old {
                event.header.causation = first;
            }
        }
        let mut subjects = self.subjects_of(item.run.as_ref());
        for event in &mut item.events {
            self.write(writer, event, &item.active, &mut subjects);
        }
        item
    }

    /// Takes or looks at the claims of a decision; drops what is refused with its effects, and says so for each step.
    fn ask_guards(&mut self, decision: &mut Decision, now: i64) -> Vec<Input> {
        let mut refused = Vec::new();
        let mut unasked: Vec<Arc<str>> = Vec::new();
        let mut unsent: Vec<StepId> = Vec::new();
        let (guards, none) = (&mut self.books.guards, Vec::new());
        decision.events.retain(|draft| {
            let (answer, forced) = match &draft.kind {
                EventKind::IntentRecorded(_) if planted(Bug::GuardsUnasked) => return true,
                EventKind::IntentRecorded(intent) => (guards.take(&intent.key, &intent.claims, &intent.forced, now), &intent.forced),
                EventKind::ModelAnswered(answered) => {
                    // A provider may want more than was reserved, and the next question stands in the same decision.
                    answered.spent.into_iter().for_each(|spent| guards.overspend(&answered.key, spent));
                    return true;
                }
                EventKind::VectorsAnswered(answered) => {
                    answered.spent.into_iter().for_each(|spent| guards.overspend(&answered.key, spent));
                    return true;
                }
                EventKind::VectorsAsked(asked) => (guards.take(&asked.key, &asked.claims, &[], now), &none),
                EventKind::ModelAsked(_) if planted(Bug::QuestionCountedAfter) => return true,
                EventKind::ModelAsked(question) => (guards.take(&question.key, &question.claims, &[], now), &question.barred),
                EventKind::ApprovalRequested(approval) => (guards.probe(&approval.claims, &approval.over, now), &approval.over),
                _ => return true,
            };
            if answer.is_yes() {
                return true;
            }
            match &draft.kind {
                EventKind::ApprovalRequested(approval) => unasked.push(approval.id.clone()),
                _ => unsent.extend(draft.step),
            }
            // Which rung of the ladder it was: that one is passed over when it is decided again.
            let rung = match &draft.kind {
                EventKind::ModelAsked(question) => Some(question.rung.to_string()),
                _ => None,
            };
            if let Some(step) = draft.step {
                let over = forced.iter().cloned().chain(answer.over).chain(rung).collect();
                refused.push(Input::ClaimRefused { step, refused: answer.refused, over });
            }
            false
        });
        decision.effects.retain(|effect| match effect {
            Effect::Perform { step, .. } | Effect::Say { step, .. } => !unsent.contains(step),
            Effect::Timer { timer: Timer::Approval(id), .. } => !unasked.contains(id),
            _ => true,
        });
        refused
    }

    fn event(&mut self, of: (Option<&Arc<str>>, &Pinned), draft: Draft, at: i64, seq: u64, lead: u64) -> Event {
        let (run, active) = of;
        let state = run.and_then(|run| match self.books.runs.get(run) {
            Some(Entry::Live(live)) => Some(&live.state),
            _ => None,
        });
        let (plan, plan_format, trace) = match state {
            Some(state) => (state.pinned.digest, state.pinned.plan.format, state.trace),
            None => (active.digest, active.plan.format, [0; 16]),
        };
        let step = draft.step.and_then(|id| Some(StepRef { id, name: state?.graph.node(id)?.name.clone() }));
        let header = Header {
            format: EVENT_FORMAT,
            tenant: self.books.tenant.clone(),
            shard: self.shard,
            seq,
            run: run.cloned(),
            step,
            at,
            actor: draft.actor.unwrap_or_else(|| self.engine_actor.clone()),
            causation: match draft.cause {
                Cause::Seq(seq) => seq,
                Cause::First => lead,
            },
            trace,
            plan,
            plan_format,
            policy: active.policy_digest,
            semantics: SEMANTICS,
            subjects: Arc::default(),
            erased: false,
        };
        Event { header, kind: draft.kind, used: draft.used, cost: draft.cost }
    }

    /// The commit is durable: fold, tell, perform, and wake its runs.
    pub(super) fn committed(&mut self) -> Result<(), StoreError> {
        let Some(batch) = self.committing.take() else { return Ok(()) };
        self.head.next = batch.next + u64::from(planted(Bug::SequenceGap));
        if !planted(Bug::ChainBroken) {
            self.head.hash = batch.hash;
        }
        self.commits += 1;
        self.books.segment = batch.first;
        for item in batch.items {
            self.settle_item(item)?;
        }
        Ok(())
    }

    fn settle_item(&mut self, item: Item) -> Result<(), StoreError> {
        let standing = item.run.as_ref().and_then(|run| self.books.live(run)).map(|live| live.standing);
        if let Some(live) = item.run.as_ref().and_then(|run| self.books.live(run)) {
            for (reply, conflict) in live.waiters.drain(..) {
                let _ = reply.send(Started { run_id: live.state.id.clone(), is_new: false, conflict });
            }
        }
        if item.events.iter().any(|event| event.kind.ends_run())
            && let Some(run) = &item.run
        {
            self.refuse_late(run);
        }
        let mut ended = None;
        for event in &item.events {
            let summary = self.books.apply(&item.active, event).map_err(StoreError::Damaged)?;
            ended = ended.or(summary);
        }
        item.events.iter().for_each(|event| self.heard(event));
        item.events.iter().for_each(|event| self.swept(event));
        self.tell_dropped();
        let unfound = std::mem::take(&mut self.books.unfound);
        if !unfound.is_empty() {
            self.ports.finder.forget(unfound);
        }
        match item.reply {
            Some(Reply::Start(reply)) => {
                let run_id = item.run.clone().unwrap_or_else(|| "".into());
                let _ = reply.send(Started { run_id, is_new: true, conflict: false });
            }
            Some(Reply::Answer(reply)) => {
                let _ = reply.send(Ok(()));
            }
            Some(Reply::Control(reply)) => {
                let _ = reply.send(Ok(()));
            }
            // Told where the event is heard of.
            Some(Reply::Receive(reply)) => self.received(&item.events, reply),
            Some(Reply::Refuse(reply)) => drop(reply.send(())),
            Some(Reply::Steer(reply, done)) => {
                let _ = reply.send(Ok(done));
            }
            None => {}
        }
        let Some(run) = item.run else {
            self.set_gate();
            return Ok(());
        };
        if item.events.iter().any(|event| matches!(event.kind, EventKind::RunMigrated(_))) {
            self.was_led_over(&run);
        }
        item.events.iter().for_each(|event| self.cascade(&run, &event.kind));
        if item.events.iter().any(|event| matches!(&event.kind, EventKind::ApprovalRequested(approval) if approval.batch.is_some())) {
            self.asks_in_batch(&run);
        }
        if let (Some(summary), Some(standing)) = (ended, standing) {
            self.ended(standing, summary);
            return Ok(());
        }
        self.let_go(&run);
        self.go_on(&run, item.effects, item.refused);
        Ok(())
    }

    /// Tells whoever answered a run that ends that the answer came too late.
    fn refuse_late(&mut self, run: &Arc<str>) {
        let now = self.now();
        let Some(live) = self.books.live(run) else { return };
        for (input, reply) in std::mem::take(&mut live.mailbox) {
            let (approval, reply) = match (input, reply) {
                (Input::Answered { approval, .. }, Some(Reply::Answer(reply))) => (approval, reply),
                (_, Some(reply)) => {
                    reply.ended();
                    continue;
                }
                (_, None) => continue,
            };
            let asked = live.state.inbox().find(|(_, asked)| asked.approval.id == approval);
            let is_overdue = asked.and_then(|(_, asked)| asked.approval.deadline).is_some_and(|deadline| now >= deadline);
            let _ = reply.send(Err(if is_overdue { AnswerRefusal::Expired } else { AnswerRefusal::Closed }));
        }
    }

    /// What a decision asked for is done, and its run goes on; first with what the guards refused.
    fn go_on(&mut self, run: &Arc<str>, effects: Vec<Effect>, refused: Vec<Input>) {
        if let Some(live) = self.books.live(run) {
            live.busy = false;
            effects.iter().for_each(|effect| perform::mark(&mut live.state, effect));
            refused.into_iter().rev().for_each(|refused| live.mailbox.push_front((refused, None)));
        }
        effects.into_iter().for_each(|effect| self.perform(run, effect));
        self.runnable.push_back(run.clone());
    }
}

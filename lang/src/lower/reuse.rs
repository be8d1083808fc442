//! Flows that need not be lowered again: those without a mistake, of whose text, place and surroundings nothing has changed since the
//! last compilation. What is not certain to be the same is lowered. It lowers nothing itself.

use super::context::{Context, name_of};
use super::flows::Outcome;
use crate::ast::{Literal, Node, Scalar};
use crate::plan::Digest;
use crate::shape::Shaped;
use crate::source::SourceId;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What flows were lowered to, by everything that it depends on.
#[derive(Debug, Default)]
pub(crate) struct Lowered(BTreeMap<Digest, Outcome>);

/// What is reused of the last compilation, and kept for the next one.
#[derive(Debug, Default)]
pub(crate) struct Reuse {
    before: Lowered,
    now: Lowered,
    /// Path and text of each file, in one digest.
    files: BTreeMap<SourceId, Digest>,
    /// Everything beside flows that flows may depend on.
    surroundings: Option<Digest>,
    /// What others may see of a flow that is lowered, and of all that it begins: worked out once, however many lead to it.
    settled: BTreeMap<String, Digest>,
    reused: usize,
}

impl Reuse {
    pub(crate) fn new(before: Lowered, files: BTreeMap<SourceId, Digest>) -> Self {
        Self { before, files, ..Self::default() }
    }

    /// What the declarations beside flows say, in the order of their files; the environment; and the files that they name.
    pub(crate) fn surround(&mut self, declarations: &[Digest], environment: Option<&str>, read: &[(String, Digest)]) {
        self.surroundings = Some(of(&(declarations, environment, read)));
    }

    /// What a flow was lowered to before, with the key under which it is kept.
    pub(super) fn find(&mut self, context: &Context<'_>, node: &Node) -> Option<(Digest, Option<Outcome>)> {
        let surroundings = self.surroundings?;
        let file = self.files.get(&node.span.source)?;
        let name = name_of(node)?.text;
        let others = self.others(context, node, &name);
        let key = of(&(surroundings, file, node.span.start, node.span.end, others));
        let unchanged = |outcome: &Outcome| {
            let mut files = outcome.files_read.iter();
            files.all(|(path, digest)| (context.read)(path).is_some_and(|text| Digest::of(text.as_bytes()) == *digest))
        };
        let outcome = self.before.0.remove(&key).filter(unchanged);
        self.reused += usize::from(outcome.is_some());
        Some((key, outcome))
    }

    /// What the flows are that a flow leads to. A begun flow is lowered for the values that it is given, and those that it begins with
    /// it: their texts count, too.
    fn others(&self, context: &Context<'_>, node: &Node, name: &str) -> Vec<Digest> {
        let mut named = BTreeSet::from([name]);
        flows_named(node, &mut named);
        let mut waiting: Vec<&str> = named.iter().copied().collect();
        while let Some(name) = waiting.pop() {
            let Some(begun) = context.known.called.get(name).filter(|_| !self.settled.contains_key(name)) else { continue };
            let mut further = BTreeSet::new();
            flows_named(begun, &mut further);
            waiting.extend(further.into_iter().filter(|name| named.insert(name)));
        }
        named.into_iter().map(|name| self.settled.get(name).copied().unwrap_or_else(|| of(&context.face(name)))).collect()
    }

    /// A flow is lowered, for better or worse: what others may see of it stays as it is.
    pub(super) fn settle(&mut self, context: &Context<'_>, node: &Node) {
        if let Some(name) = name_of(node).filter(|_| self.surroundings.is_some()) {
            let others = self.others(context, node, &name.text);
            self.settled.insert(name.text.clone(), of(&(name.text, others)));
        }
    }

    /// Keeps what a flow was lowered to. With a mistake it is lowered anew each time: what is near, and may be suggested, is everything.
    pub(super) fn keep(&mut self, key: Option<Digest>, outcome: &Outcome) {
        if let Some(key) = key.filter(|_| outcome.found.is_empty() && outcome.flow.is_some()) {
            self.now.0.insert(key, outcome.clone());
        }
    }

    /// What the next compilation may reuse, and how much this one did.
    pub(crate) fn end(self) -> (Lowered, usize) {
        (self.now, self.reused)
    }
}

impl Context<'_> {
    /// What another flow may see of a flow: its input, its acts, what it answers, and its text where flows begin it.
    fn face(&self, flow: &str) -> impl Serialize {
        let record = self.plan.flows.get(flow).map(|flow| flow.input.clone());
        let fields = record.as_ref().and_then(|record| self.plan.types.records.get(record)).cloned();
        let declared = self.declared.contains_key(&("flow", flow.to_owned()));
        let text = self.known.called.get(flow).map(|node| {
            let mut bytes = Vec::new();
            say(node, &mut bytes);
            Digest::of(&bytes)
        });
        let fails = self.known.failing.contains(flow);
        (declared, record, fields, self.known.outputs.get(flow).cloned(), fails, self.known.acts.get(flow).cloned(), text)
    }
}

fn of(value: &impl Serialize) -> Digest {
    Digest::of(&rmp_serde::to_vec(value).unwrap_or_default())
}

/// The flows that a flow starts or takes back, by name.
fn flows_named<'n>(node: &'n Node, found: &mut BTreeSet<&'n str>) {
    for child in &node.children {
        if matches!(child.name.text.as_str(), "flow" | "undo") {
            let values = child.arguments.iter().chain(child.properties.iter().map(|property| &property.value));
            found.extend(values.chain(child.children.iter().flat_map(|setting| &setting.arguments)).filter_map(Literal::text));
        }
        flows_named(child, found);
    }
}

/// Whether a node is a flow that stands by itself; one that replaces or extends another belongs to the surroundings.
fn is_plain_flow(node: &Node) -> bool {
    node.name.text == "flow" && node.property("override").is_none() && node.property("extend").is_none()
}

/// What the nodes of a file say beside its flows, wherever they stand in it.
pub(crate) fn declarations(nodes: &[Node]) -> Digest {
    let mut bytes = Vec::new();
    nodes.iter().filter(|node| !is_plain_flow(node)).for_each(|node| say(node, &mut bytes));
    Digest::of(&bytes)
}

fn say(node: &Node, bytes: &mut Vec<u8>) {
    let count = |count: usize, bytes: &mut Vec<u8>| bytes.extend(count.to_le_bytes());
    let text = |text: &str, bytes: &mut Vec<u8>| {
        count(text.len(), bytes);
        bytes.extend(text.as_bytes());
    };
    let value = |literal: &Literal, bytes: &mut Vec<u8>| {
        text(literal.annotation.as_ref().map_or("", |annotation| &annotation.text), bytes);
        match &literal.scalar {
            Scalar::String(string) => {
                bytes.push(1);
                text(string, bytes);
            }
            Scalar::Int(number) => {
                bytes.push(2);
                bytes.extend(number.to_le_bytes());
            }
            Scalar::Double(number) => {
                bytes.push(3);
                bytes.extend(number.to_bits().to_le_bytes());
            }
            Scalar::Bool(truth) => bytes.extend([4, u8::from(*truth)]),
            Scalar::Null => bytes.push(5),
        }
    };
    text(node.annotation.as_ref().map_or("", |annotation| &annotation.text), bytes);
    text(&node.name.text, bytes);
    count(node.arguments.len(), bytes);
    node.arguments.iter().for_each(|argument| value(argument, bytes));
    count(node.properties.len(), bytes);
    for property in &node.properties {
        text(&property.name.text, bytes);
        value(&property.value, bytes);
    }
    count(node.children.len(), bytes);
    node.children.iter().for_each(|child| say(child, bytes));
}

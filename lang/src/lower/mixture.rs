//! Outside text, private data and a way out in one step: a model that is told both may be talked into giving the one to whoever wrote
//! the other. Either alone is allowed, and so are all three where a person looks at what leaves.
//!
//! Also endorsements, the operator's own way out of the proofs about outside text, as the plan lists them.

use super::asked::{Asked, SILENCE};
use super::context::Context;
use super::step::Place;
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{Checked, Endorsed};
use crate::literal::shortened;
use crate::plan::{Endorsement, Operation, Tool};
use crate::shape::given;
use crate::source::Span;
use crate::ty::{Marks, Ty};
use std::collections::BTreeSet;

/// Where a model is told outside text, and where private data; the first place of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mixture {
    outside: Option<Span>,
    private: Option<Span>,
}

impl Mixture {
    /// Notes what is told at a place.
    pub(crate) fn add(&mut self, marks: Marks, span: Span) {
        if marks.untrusted {
            self.outside.get_or_insert(span);
        }
        // What another model mixed holds both.
        if marks.private || marks.mixed {
            self.private.get_or_insert(span);
        }
    }

    /// Where outside text comes in.
    pub(crate) fn told_outside(self) -> Option<Span> {
        self.outside
    }

    /// What is said of a model's answer to it, which has these marks: of a label, which is no longer the text, nothing more.
    pub(crate) fn of_answer(self, marks: Marks) -> Marks {
        let mixed = self.both().is_some() && marks.untrusted && marks.private;
        Marks { mixed: mixed || marks.mixed, ..marks }
    }

    /// The places, where both are told.
    fn both(self) -> Option<(Span, Span)> {
        self.outside.zip(self.private)
    }
}

/// What a step endorses, as the plan has it.
pub(crate) fn endorsements(at: &str, endorsed: &[Endorsed]) -> Vec<Endorsement> {
    let one = |endorsed: &Endorsed| Endorsement { at: at.to_owned(), of: endorsed.of.clone(), reason: endorsed.reason.clone() };
    endorsed.iter().map(one).collect()
}

/// Whether a parameter of a type can carry what a model was told.
pub(super) fn carries(ty: &Ty) -> bool {
    match ty {
        Ty::String | Ty::Json | Ty::Bytes | Ty::Record(_) | Ty::Object(_) => true,
        Ty::List(item) | Ty::Map(item) | Ty::Optional(item) => carries(item),
        _ => false,
    }
}

impl Context<'_> {
    /// An endorsement of what is trusted anyway would hide the next one that is not.
    pub(crate) fn refuse_idle(&mut self, checked: Option<&Checked>) {
        for endorsed in checked.map(|checked| checked.endorsed.as_slice()).unwrap_or_default().iter().filter(|endorsed| endorsed.idle) {
            let of = shortened(&endorsed.of);
            let message = format!("`{of}` is not text from outside, so there is nothing to endorse");
            let diagnostic = Diagnostic::new(&meaning::ENDORSED, endorsed.span, message).label("endorses nothing");
            self.report(diagnostic.help(format!("write `{of}` as it stands")).proposal(
                "take it as it stands",
                endorsed.span,
                endorsed.of.clone(),
            ));
        }
    }

    /// What the values of a call were mixed of, where a model of the flow did it: the steps that it reads are gone through, with those in
    /// their arms and loops.
    fn mixed_of(&self, checked: &Checked, place: &Place<'_, '_>) -> Option<(Span, Span)> {
        let draft = place.draft;
        let within = draft.drafts.get(place.at)?.within;
        let mut reads = checked.reads.clone();
        for variables in self.surroundings(draft, within).loops.iter().rev() {
            if reads.iter().any(|(path, _)| variables.names(path)) {
                reads.extend(variables.reads.iter().cloned());
            }
        }
        let mut open: Vec<usize> = draft.steps_read(&reads, within).into_iter().collect();
        let mut seen = BTreeSet::new();
        while let Some(at) = open.pop() {
            let Some(lowered) = draft.lowered.get(&at).filter(|_| seen.insert(at)) else { continue };
            if let Some(both) = lowered.mixture.both().filter(|_| lowered.marks.mixed) {
                return Some(both);
            }
            open.extend(lowered.reads.iter().copied());
            open.extend(at + 1..draft.end_of(at));
        }
        None
    }

    /// What a model made of outside text and private data leaves only where a person looks at it.
    pub(crate) fn check_mixed(
        &mut self,
        call: &Node,
        operation: &Operation,
        bound: &[(String, Checked)],
        place: &Place<'_, '_>,
        asked: Asked,
    ) {
        let asked = asked.max(self.always_asked(&operation.name, &place.draft.name));
        if asked == Asked::Always {
            return;
        }
        for (name, checked) in bound.iter().filter(|(_, checked)| checked.speaks() && checked.marks.mixed) {
            let span = given::place(call, name);
            let message = format!("`{name}` of `{}` was written by a model that was told outside text and private data", operation.name);
            let diagnostic = Diagnostic::new(&meaning::EXFILTRATION, span, message).label("leaves here");
            let diagnostic = match self.mixed_of(checked, place) {
                Some((outside, private)) => diagnostic.also(outside, "outside text").also(private, "private data"),
                // Another flow mixed it.
                None => self.with_way(diagnostic, checked, place),
            };
            self.report(diagnostic.help(match asked {
                Asked::UntilSilence => SILENCE,
                // An agent's tool has no stage of its own.
                _ if call.name.text != "call" => {
                    "let an `act` send it that is staged, leave one of the two out of the prompt, or `endorse` it"
                }
                _ => "`stage` the act, leave one of the two out of the prompt, or `endorse` what is sent",
            }));
        }
    }

    /// An agent that reads outside text and private data has no words of its own to send. Whether it has.
    pub(crate) fn check_exfiltration(&mut self, tool: &Tool, operation: &Operation, mixture: Mixture, (span, flow): (Span, &str)) -> bool {
        let Some((outside, private)) = mixture.both() else { return false };
        let bound = |name: &str| tool.fixed.iter().chain(&tool.one_of).any(|(of, _)| of == name);
        let Some(free) = operation.request.iter().find(|field| carries(&field.ty) && !bound(&field.name)) else { return false };
        let (name, of) = (&free.name, &operation.name);
        let message = format!("an agent that reads outside text and private data may send both as `{name}` of `{of}`");
        let diagnostic = Diagnostic::new(&meaning::EXFILTRATION, span, message).label("could be talked into it");
        let diagnostic = diagnostic.also(outside, "outside text").also(private, "private data");
        let help = match self.always_asked(of, flow) {
            Asked::UntilSilence => SILENCE.to_owned(),
            _ => format!("write an `escalate` whose `when` is `true` for `{of}`, or let an `act` do it that is staged"),
        };
        self.report(diagnostic.help(help));
        true
    }
}

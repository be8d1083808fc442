//! How a memory keeps and finds its facts: indexes, freshness, caps, forgetting.

use super::context::{Context, suggest};
use super::step::Place;
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::Checked;
use crate::plan::{Budget, BudgetPer, Memory, MemoryTerms};
use crate::shape::Shaped;
use crate::ty::{Field, Ty};

/// The field that says of a recalled fact whether it was verified too long ago.
const STALE: &str = "stale";

/// What tells facts apart, or says how long they hold, stands in clear and is there when somebody was forgotten.
fn sealed(value: &Literal, name: &str) -> Diagnostic {
    let message = format!("personal data (`{name}`) would say what a fact is about, or how long it holds, where it is not sealed");
    let diagnostic = Diagnostic::new(&meaning::PERSONAL_PLACE, value.span, message).label("holds personal data");
    diagnostic.help("name a field that is not marked `pii`")
}

impl Context<'_> {
    pub(crate) fn memory_terms(&mut self, node: &Node, fields: &[Field]) -> MemoryTerms {
        let mut terms = MemoryTerms::default();
        let record = node.setting("record").and_then(Literal::text).unwrap_or_default();
        if let Some(value) = node.setting("embed").cloned() {
            let model = node.first("embed").and_then(|embed| embed.property("model")).cloned();
            let model = model.and_then(|model| self.text(&model, "a model"));
            let field = self.text_field(&value, fields);
            self.check_secret_indexed(&value, record, fields, field.as_deref());
            self.check_embedded(&value, fields.iter().find(|own| Some(&own.name) == field.as_ref()), model.as_deref());
            terms.embed = field.map(|field| (field, model));
        }
        for value in node.list("fulltext").into_iter().cloned().collect::<Vec<_>>() {
            let field = self.text_field(&value, fields);
            self.check_secret_indexed(&value, record, fields, field.as_deref());
            terms.fulltext.extend(field);
        }
        let beside = |child: &str, setting: &str| node.first(child).and_then(|child| child.property(setting)).cloned();
        if let Some(word) = beside("retention", "after").and_then(|value| self.word(&value, "`after`", &["last-write", "write"])) {
            terms.retention_after_last_write = word == "last-write";
        }
        terms.fresh = node.setting("fresh").is_some().then(|| self.span_of_time(node, "fresh")).flatten();
        if let Some(word) = beside("fresh", "stale").and_then(|value| self.word(&value, "`stale`", &["flag", "refuse"])) {
            terms.stale_flagged = word == "flag";
        }
        if let Some(word) = beside("cap", "per").and_then(|value| self.word(&value, "`per`", &["subject", "memory"])) {
            terms.cap_whole = word == "memory";
        }
        if let Some(value) = beside("cap", "evict") {
            self.word(&value, "`evict`", &["oldest"]);
        }
        self.fact_terms(node, fields, &mut terms);
        for budget in node.all("budget").collect::<Vec<_>>() {
            terms.budgets.extend(self.memory_budget(budget));
        }
        if let Some(word) = node.setting("on-forget").cloned().and_then(|value| self.word(&value, "`on-forget`", &["erase", "redact"])) {
            terms.forget_redacts = word == "redact";
        }
        terms
    }

    /// `budget "2 EUR" per=day`: vectors are made for whoever searches first, so that no run and no task has a budget of its own.
    fn memory_budget(&mut self, node: &Node) -> Option<Budget> {
        let budget = self.budget(node)?;
        if matches!(budget.per, BudgetPer::Day | BudgetPer::Rolling(_)) {
            return Some(budget);
        }
        let span = node.setting("per").map_or(node.name.span, |per| per.span);
        let diagnostic = Diagnostic::new(&meaning::MEMORY_BUDGET, span, "vectors of a memory are made for all runs, and paid for by none");
        self.report(
            diagnostic.label("which run?").help("write `per=day` or a span such as `per=\"1h\"`; a run is capped by its flow's `cost-cap`"),
        );
        None
    }

    /// What tells facts apart, when they were observed and how long they are true.
    fn fact_terms(&mut self, node: &Node, fields: &[Field], terms: &mut MemoryTerms) {
        for value in node.list("key").into_iter().cloned().collect::<Vec<_>>() {
            terms.key.extend(self.key_field(&value, fields));
        }
        let instant = |ty: &Ty| matches!(ty, Ty::Timestamp) || matches!(ty, Ty::Optional(inner) if **inner == Ty::Timestamp);
        let timed = |context: &mut Self, setting: &str| {
            let value = node.setting(setting).cloned()?;
            let name = context.text(&value, &format!("`{setting}`"))?;
            match fields.iter().find(|field| field.name == name && instant(&field.ty)) {
                Some(field) if field.marks.pii || field.marks.secret => {
                    context.report(sealed(&value, &name));
                    None
                }
                Some(_) => Some(name),
                None => {
                    let known: Vec<String> = fields.iter().filter(|field| instant(&field.ty)).map(|field| field.name.clone()).collect();
                    let message = format!("the record has no timestamp `{name}`");
                    let diagnostic = Diagnostic::new(&meaning::UNKNOWN_NAME, value.span, message).label("no such field");
                    context.report(suggest(diagnostic, &name, &known, value.span, "timestamp"));
                    None
                }
            }
        };
        terms.observed_at = timed(self, "observed-at");
        terms.valid_to = timed(self, "valid-to");
    }

    /// A field that tells what a fact is about. It outlives whoever is forgotten, and outside text does not say which fact is corrected.
    fn key_field(&mut self, value: &Literal, fields: &[Field]) -> Option<String> {
        let name = self.text(value, "a field")?;
        let tells = |ty: &Ty| matches!(ty, Ty::String | Ty::Int | Ty::Bool | Ty::Enum(_));
        let Some(field) = fields.iter().find(|field| field.name == name && tells(&field.ty)) else {
            let known: Vec<String> = fields.iter().filter(|field| tells(&field.ty)).map(|field| field.name.clone()).collect();
            let message = format!("the record has no field `{name}` that facts can be told apart by");
            let diagnostic = Diagnostic::new(&meaning::UNKNOWN_NAME, value.span, message).label("no such field");
            self.report(suggest(diagnostic, &name, &known, value.span, "text, number or enum"));
            return None;
        };
        if field.marks.pii || field.marks.secret {
            self.report(sealed(value, &name));
            return None;
        }
        if field.marks.untrusted {
            let message = format!("text from outside (`{name}`) would say which fact another one takes the place of");
            let diagnostic = Diagnostic::new(&meaning::TAINTED, value.span, message).label("from outside");
            self.report(diagnostic.help("tell facts apart by a field of our own, such as an id"));
            return None;
        }
        Some(name)
    }

    /// Outside text does not choose which fact is corrected.
    pub(crate) fn check_key(&mut self, node: &Node, memory: &Memory, bound: &[(String, Checked)], place: &Place<'_, '_>) {
        for (name, checked) in bound.iter().filter(|(name, _)| memory.terms.key.contains(name)) {
            if checked.marks.untrusted || checked.marks.steered {
                let message = format!("text from outside decides `{name}`, and so which fact of `{}` is corrected", memory.name);
                let diagnostic =
                    Diagnostic::new(&meaning::CORRECTED_OUTSIDE, crate::shape::given::place(node, name), message).label("decided outside");
                let diagnostic = self.with_way(diagnostic, checked, place);
                self.report(diagnostic.help("name what is corrected by a value of our own"));
            }
        }
    }

    /// The type of a recalled fact that says whether it is stale.
    pub(crate) fn declare_recalled(&mut self, node: &Node, memory: &Memory) {
        if !memory.flags() {
            return;
        }
        let Some(mut record) = self.plan.types.records.get(&memory.record).cloned() else { return };
        if record.fields.iter().any(|field| field.name == STALE) {
            let span = node.first("fresh").map_or(node.name.span, |fresh| fresh.name.span);
            let message = format!("`stale=flag` adds a field `{STALE}` to what is recalled, and `{}` has one", memory.record);
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, span, message).label("which of the two?");
            self.report(diagnostic.help("rename the field of the type, or write `stale=refuse`"));
            return;
        }
        record.fields.push(Field::plain(STALE.to_owned(), Ty::Bool));
        self.plan.types.records.insert(memory.recalled(), record);
    }

    fn text_field(&mut self, value: &Literal, fields: &[Field]) -> Option<String> {
        let name = self.text(value, "a field")?;
        let text = |ty: &Ty| matches!(ty, Ty::String) || matches!(ty, Ty::Optional(inner) if **inner == Ty::String);
        if fields.iter().any(|field| field.name == name && text(&field.ty)) {
            return Some(name);
        }
        let known: Vec<String> = fields.iter().filter(|field| text(&field.ty)).map(|field| field.name.clone()).collect();
        let diagnostic = Diagnostic::new(&meaning::UNKNOWN_NAME, value.span, format!("the record has no text field `{name}`"));
        self.report(suggest(diagnostic.label("no such field"), &name, &known, value.span, "text field"));
        None
    }
}

//! How a memory keeps and finds its facts: indexes, freshness, caps, forgetting.

use super::context::{Context, suggest};
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::plan::MemoryTerms;
use crate::shape::Shaped;
use crate::ty::{Field, Ty};

impl Context<'_> {
    pub(crate) fn memory_terms(&mut self, node: &Node, fields: &[Field]) -> MemoryTerms {
        let mut terms = MemoryTerms::default();
        if let Some(value) = node.setting("embed").cloned() {
            let model = node.first("embed").and_then(|embed| embed.property("model")).cloned();
            let model = model.and_then(|model| self.text(&model, "a model"));
            let field = self.text_field(&value, fields);
            self.check_secret_indexed(&value, fields, field.as_deref());
            self.check_embedded(&value, fields.iter().find(|own| Some(&own.name) == field.as_ref()), model.as_deref());
            terms.embed = field.map(|field| (field, model));
        }
        for value in node.list("fulltext").into_iter().cloned().collect::<Vec<_>>() {
            let field = self.text_field(&value, fields);
            self.check_secret_indexed(&value, fields, field.as_deref());
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
        if let Some(word) = node.setting("on-forget").cloned().and_then(|value| self.word(&value, "`on-forget`", &["erase", "redact"])) {
            terms.forget_redacts = word == "redact";
        }
        terms
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

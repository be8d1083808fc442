//! Series: points in time by subject, where they come from, how long they are kept.

use super::context::{Context, name_of};
use super::trigger::Carried;
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::Scope;
use crate::plan::{Series, SeriesSource};
use crate::shape::Shaped;
use crate::ty::{Field, Marks, Ty};
use std::sync::Arc;

impl Context<'_> {
    pub(crate) fn lower_series(&mut self, nodes: &[Node]) {
        for node in nodes.iter().filter(|node| node.name.text == "series") {
            let Some(name) = name_of(node) else { continue };
            self.snake_case(&name.text, name.span, "a series");
            if let Some(series) = self.lower_one_series(node, &name.text) {
                self.plan.series.insert(name.text, Arc::new(series));
            }
        }
    }

    fn lower_one_series(&mut self, node: &Node, name: &str) -> Option<Series> {
        let retention = self.retention(node, name);
        let point = self.setting_reference(node, "point", "type")?;
        let fields = self.plan.types.records.get(&point)?.fields.clone();
        let subject = self.field_setting(node, "subject", &fields, &Ty::String);
        let at = self.field_setting(node, "at", &fields, &Ty::Timestamp);
        let fresh = node.setting("fresh").is_some().then(|| self.span_of_time(node, "fresh")).flatten();
        let sources: Vec<SeriesSource> =
            node.all("from").collect::<Vec<_>>().into_iter().filter_map(|from| self.lower_from(from, &point, &fields)).collect();
        if node.first("from").is_none() {
            self.missing(node, "from", "write `from event=\"shop.order.paid\" { … }`: where its points come from");
        }
        let mut rollups = Vec::new();
        for rollup in node.all("rollup").collect::<Vec<_>>() {
            let step = rollup.argument(0).cloned().and_then(|value| self.typed(&value, &Ty::Duration));
            if rollup.setting("after").is_none() {
                self.missing(rollup, "after", "write `rollup \"1d\" after=\"30d\"`");
            }
            let after = rollup.setting("after").is_some().then(|| self.span_of_time(rollup, "after")).flatten();
            if let (Some(crate::value::Value::Duration(step)), Some(after)) = (step, after) {
                rollups.push((step, after));
            }
        }
        Some(Series { name: name.to_owned(), point, subject: subject?, at: at?, retention: retention?, fresh, sources, rollups })
    }

    /// How long something is kept; the inner `None` for ever.
    pub(crate) fn retention(&mut self, node: &Node, name: &str) -> Option<Option<i64>> {
        match node.setting("retention").cloned() {
            Some(value) if value.text() == Some("forever") => Some(None),
            Some(_) => self.span_of_time(node, "retention").map(Some),
            None => {
                let message = format!("the {} `{name}` does not say how long it keeps what it holds", node.name.text);
                let diagnostic = Diagnostic::new(&meaning::NO_RETENTION, node.name.span, message).label("kept how long?");
                self.report(diagnostic.help("write `retention=\"90d\"`, or `retention=forever` if you mean it"));
                None
            }
        }
    }

    /// A setting that names a field of a type.
    fn field_setting(&mut self, node: &Node, setting: &'static str, fields: &[Field], ty: &Ty) -> Option<String> {
        let Some(value) = node.setting(setting).cloned() else {
            self.missing(node, setting, &format!("write `{setting}=\"…\"` with a field of type {ty}"));
            return None;
        };
        let name = self.text(&value, &format!("`{setting}`"))?;
        if fields.iter().any(|field| field.name == name && field.ty == *ty) {
            return Some(name);
        }
        let known: Vec<String> = fields.iter().filter(|field| field.ty == *ty).map(|field| field.name.clone()).collect();
        let diagnostic = Diagnostic::new(&meaning::UNKNOWN_NAME, value.span, format!("there is no field `{name}` of type {ty}"));
        self.report(super::context::suggest(diagnostic.label("no such field"), &name, &known, value.span, "field of that type"));
        None
    }

    fn lower_from(&mut self, node: &Node, point: &str, fields: &[Field]) -> Option<SeriesSource> {
        let Some(value) = node.property("event").cloned() else {
            self.missing(node, "event", "write `from event=\"shop.order.paid\"`");
            return None;
        };
        let (event, record) = self.event_record(&value)?;
        let mut scope = Scope::default().with("event", Ty::Record(record.clone()), Marks::default());
        let mut each = None;
        if let Some(list) = node.property("each").cloned() {
            let checked = self.value(&list, &scope, None)?;
            let Ty::List(item) = checked.expr.ty.clone() else {
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, list.span, format!("this is {}, not a list", checked.expr.ty));
                self.report(diagnostic.label("not a list").help("name a list of the event"));
                return None;
            };
            let name = self.setting_text(node, "as").unwrap_or_else(|| "item".to_owned());
            scope = scope.with(&name, *item, checked.own);
            each = Some((checked.expr, name));
        }
        let carried = self.plan.types.records.get(&record).map(|record| record.fields.clone()).unwrap_or_default();
        let what = Carried { of: format!("a point of `{point}`"), fields: Some(&carried) };
        let bound = self.carried(node, fields, &scope, &what).into_iter().map(|(name, checked)| (name, checked.expr)).collect();
        Some(SeriesSource { event, each, fields: bound })
    }
}

//! Migrations: how records of an older version, and runs of an older flow, become those of the present.

use super::context::{Context, name_of, suggest};
use super::write::carries_text;
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::Scope;
use crate::plan::{Change, FlowMigration, Migration, RecordMigration};
use crate::shape::Shaped;
use crate::source::Span;
use crate::ty::{Marks, Record, Ty};
use std::sync::Arc;

impl Context<'_> {
    /// What becomes of records. Flows are lowered after it: what outside text decided there, they may recall.
    pub(crate) fn lower_record_migrations(&mut self, nodes: &[Node]) {
        for node in nodes.iter().filter(|node| node.name.text == "migration") {
            let Some(name) = name_of(node) else { continue };
            let records = node.all("type").collect::<Vec<_>>().into_iter().filter_map(|child| self.record_migration(child)).collect();
            if node.children.is_empty() {
                let diagnostic = Diagnostic::new(&meaning::EMPTY, node.name.span, format!("the migration `{}` changes nothing", name.text));
                self.report(diagnostic.label("empty").help("write `type \"NAME\" from=1 to=2 { … }` or `flow \"NAME\" { … }` in it"));
            }
            self.plan.migrations.insert(name.text.clone(), Arc::new(Migration { name: name.text, records, flows: Vec::new() }));
        }
    }

    /// What becomes of runs, once the flows are known.
    pub(crate) fn lower_flow_migrations(&mut self, nodes: &[Node]) {
        for node in nodes.iter().filter(|node| node.name.text == "migration") {
            let Some(name) = name_of(node) else { continue };
            let flows: Vec<FlowMigration> =
                node.all("flow").collect::<Vec<_>>().into_iter().filter_map(|child| self.flow_migration(child)).collect();
            if let Some(migration) = self.plan.migrations.get_mut(&name.text) {
                Arc::make_mut(migration).flows = flows;
            }
        }
    }

    fn record_migration(&mut self, node: &Node) -> Option<RecordMigration> {
        let value = node.argument(0)?.clone();
        let name = self.reference(&value, "type")?;
        let record = self.plan.types.records.get(&name)?.clone();
        let version = |context: &mut Self, setting: &str| {
            if node.setting(setting).is_none() {
                context.missing(node, setting, "write `from=1 to=2`: the versions before and after");
            }
            node.setting(setting).is_some().then(|| context.count(node, setting, 1, 1_000_000)).flatten()
        };
        let (from, to) = (version(self, "from")?, version(self, "to")?);
        if to != record.version || from >= to {
            let span = node.setting("to").map_or(node.name.span, |value| value.span);
            let message = format!("`{name}` has version {}, this leads from {from} to {to}", record.version);
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, span, message).label("leads elsewhere");
            self.report(diagnostic.help(format!("write `to={}`, with a lower `from`", record.version)));
        }
        let scope = old_record(node, &record);
        let (mut changes, mut made): (Vec<Change>, Vec<(String, Literal)>) = (Vec::new(), Vec::new());
        for child in &node.children {
            let Some(field) = child.argument(0).cloned() else { continue };
            let Some(text) = self.text(&field, "a field") else { continue };
            match child.name.text.as_str() {
                "rename" => {
                    let Some(target) = child.setting("to").cloned() else {
                        self.missing(child, "to", "write `rename \"result\" to=\"outcome\"`");
                        continue;
                    };
                    let Some(to) = self.text(&target, "a field") else { continue };
                    let marks = record.fields.iter().find(|own| own.name == text).map_or(Marks::default(), |own| own.marks);
                    self.check_migrated(&record, &to, marks, target.span);
                    made.push((to.clone(), target));
                    changes.push(Change::Rename { field: text, to });
                }
                "set" => {
                    let Some(value) = child.argument(1).cloned() else { continue };
                    let ty = record.fields.iter().find(|own| own.name == text).map(|own| own.ty.clone());
                    made.push((text.clone(), field));
                    let checked = self.value(&value, &scope, ty.as_ref());
                    if let Some(checked) = &checked {
                        self.check_migrated(&record, &text, checked.marks, value.span);
                        self.note_kept(&name, &record.fields, &[(text.clone(), checked.clone())]);
                    }
                    changes.extend(checked.map(|checked| Change::Set { field: text, value: checked.expr }));
                }
                "drop" => {
                    made.retain(|(name, _)| *name != text);
                    changes.push(Change::Drop { field: text });
                }
                _ => {}
            }
        }
        let known: Vec<String> = record.fields.iter().map(|field| field.name.clone()).collect();
        for (made, at) in made.iter().filter(|(made, _)| !known.contains(made)) {
            let message = format!("`{name}` has no field `{made}`, and nothing drops it again");
            let diagnostic = Diagnostic::new(&meaning::UNKNOWN_NAME, at.span, message).label("no such field");
            self.report(suggest(diagnostic, made, &known, at.span, "field"));
        }
        Some(RecordMigration { record: name, from, to, changes })
    }

    /// Labels survive a migration as they survive a memory: what is marked goes into a field that is marked so.
    fn check_migrated(&mut self, record: &Record, name: &str, marks: Marks, at: Span) {
        let Some(field) = record.fields.iter().find(|own| own.name == name) else { return };
        let own = field.marks;
        let personal = marks.pii && !own.pii && carries_text(&field.ty);
        let lost = [("secret", marks.secret && !own.secret), ("untrusted", marks.untrusted && !own.untrusted), ("pii", personal)];
        let Some((lost, _)) = lost.into_iter().find(|(_, is_lost)| *is_lost) else { return };
        let message = format!("`{name}` would forget that this is {lost}");
        let diagnostic = Diagnostic::new(&meaning::TAINTED, at, message).label(format!("is {lost}, the field is not"));
        self.report(diagnostic.help(format!("write `field \"{name}\" {} {lost}`", field.ty)));
    }

    fn flow_migration(&mut self, node: &Node) -> Option<FlowMigration> {
        let value = node.argument(0)?.clone();
        let name = self.reference(&value, "flow")?;
        let flow = self.plan.flows.get(&name)?.clone();
        let (mut moved, mut gone, mut fills) = (Vec::new(), Vec::new(), Vec::new());
        for child in &node.children {
            let Some(of) = child.argument(0).cloned() else { continue };
            match child.name.text.as_str() {
                "moved" => {
                    let Some(to) = child.setting("to").cloned() else {
                        self.missing(child, "to", "write `moved \"check\" to=\"sure\"`");
                        continue;
                    };
                    moved.extend(self.text(&of, "a step").zip(self.step_name(&to, &flow)));
                }
                "gone" => {
                    let Some(text) = self.text(&of, "a step") else { continue };
                    if flow.steps.iter().any(|step| step.name == text) {
                        let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, of.span, format!("`{name}` still has a step `{text}`"));
                        self.report(diagnostic.label("not gone").help("remove the line, or rename the step"));
                    }
                    gone.push(text);
                }
                "fill" => {
                    let Some(step) = self.step_name(&of, &flow) else { continue };
                    let Some(ty) = flow.steps.iter().find(|own| own.name == step).map(|own| own.ty.clone()) else { continue };
                    let fields = self.object_fields(&ty);
                    fills.push((step.clone(), self.fields_of(child, &fields, &step)));
                }
                _ => {}
            }
        }
        Some(FlowMigration { flow: name, moved, gone, fills })
    }
}

/// The older version as expressions see it. A field that the present version still has was marked as it is now; how one was marked that is
/// gone is not known, so that those which are renamed or dropped are taken as they come. Whoever reads the whole reads everything in it.
fn old_record(node: &Node, record: &Record) -> Scope {
    let plain = Marks::default();
    let whole = record.fields.iter().fold(plain, |marks, field| marks.with(field.marks));
    let gone = node.children.iter().filter(|child| matches!(child.name.text.as_str(), "rename" | "drop"));
    let names = gone.flat_map(|child| [child.argument(0), child.setting("to")]).flatten().filter_map(Literal::text);
    let gone = names.filter(|name| record.fields.iter().all(|own| own.name != *name)).map(|name| (name, plain));
    let fields = record.fields.iter().map(|field| (field.name.as_str(), field.marks)).chain(gone);
    let scope = Scope::default().with("old", Ty::Json, whole);
    fields.fold(scope, |scope, (name, marks)| scope.part(format!("old.{name}"), marks))
}

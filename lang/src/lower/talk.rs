//! What a model is told, and who may hear it: prompts, histories, images; personal and secret text; what a model can do.

use super::context::Context;
use super::marked::{Mark, Paths};
use super::model::{WrittenRoute, WrittenRung};
use super::step::{Place, Verb};
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::plan::{Generate, Look, Route, Rung, StepKind, Talk};
use crate::planted::{Hole, planted};
use crate::shape::Shaped;
use crate::template::{self, Template};
use crate::ty::{Marks, Ty};
use std::sync::Arc;

/// The record that stands for an image or another file: its digest, not its bytes.
pub(crate) const ASSET: &str = "asset";

const TALK: &[&str] = &["prompt", "system", "history", "user", "image", "example"];

/// Whether a node tells a model something.
pub(crate) fn talks(node: &Node) -> bool {
    node.property("prompt").is_some() || node.children.iter().any(|child| TALK.contains(&child.name.text.as_str()))
}

impl Context<'_> {
    /// A text or the file that it names, as a template; its marks are noted.
    pub(crate) fn told(&mut self, value: &Literal, place: &mut Place<'_, '_>, marks: &mut Marks) -> Option<Template> {
        let (text, file) = self.file_or_text(value)?;
        let literal = Literal { offsets: if file.is_some() { Vec::new() } else { value.offsets.clone() }, ..value.clone() };
        let checked = self.worded(&text, &literal, &place.scope)?;
        place.reads.extend(checked.reads);
        place.mixture.add(checked.marks, value.span);
        place.failing.tell(checked.marks, value.span);
        place.came.tell(checked.marks, checked.outside.as_ref());
        *marks = marks.with(checked.marks);
        Some(checked.template)
    }

    /// Everything that a node tells a model, with the marks of all of it; `None` where something cannot be read.
    pub(crate) fn lower_talk(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<(Talk, Marks)> {
        let mut marks = Marks::default();
        let mut complete = true;
        let mut part = |context: &mut Self, name: &str, place: &mut Place<'_, '_>| {
            let value = node.setting(name).cloned()?;
            let template = context.told(&value, place, &mut marks);
            complete &= template.is_some();
            template
        };
        let (prompt, system, user) = (part(self, "prompt", place), part(self, "system", place), part(self, "user", place));
        let history = match node.first("history").and_then(|history| history.argument(0)).cloned() {
            Some(value) => {
                let checked = self.value(&value, &place.scope, None);
                complete &= checked.is_some();
                checked.map(|checked| {
                    self.check_history(&checked.expr.ty, &value);
                    marks = marks.with(checked.marks);
                    place.mixture.add(checked.marks, value.span);
                    place.note(checked).expr
                })
            }
            None => None,
        };
        let mut images = Vec::new();
        for value in node.list("image").into_iter().cloned().collect::<Vec<_>>() {
            match self.value(&value, &place.scope, None) {
                Some(checked) => {
                    self.check_image(&checked.expr.ty, &value);
                    marks = marks.with(checked.marks);
                    place.mixture.add(checked.marks, value.span);
                    images.push(place.note(checked).expr);
                }
                None => complete = false,
            }
        }
        let mut examples = Vec::new();
        for example in node.all("example").collect::<Vec<_>>() {
            let (Some(said), Some(answer)) = (example.argument(0).cloned(), example.setting("answer").cloned()) else {
                self.missing(example, "answer", "write `example \"Where is my parcel?\" answer=\"…\"`");
                continue;
            };
            examples.extend(self.told(&said, place, &mut marks).zip(self.told(&answer, place, &mut marks)));
        }
        let personal = marks.pii;
        complete.then_some((Talk { prompt, system, history, user, images, examples, personal }, marks))
    }

    fn check_history(&mut self, ty: &Ty, value: &Literal) {
        let fits = match ty {
            Ty::Unknown => true,
            Ty::List(item) => match item.as_ref() {
                Ty::Unknown => true,
                Ty::Record(name) => self.plan.types.records.get(name).is_none_or(|record| {
                    ["role", "text"].iter().all(|wanted| {
                        let text = |ty: &Ty| matches!(ty, Ty::String | Ty::Enum(_) | Ty::Unknown);
                        record.fields.iter().any(|field| field.name == *wanted && text(&field.ty))
                    })
                }),
                _ => false,
            },
            _ => false,
        };
        if !fits {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("a history is a list of turns, this is {ty}"));
            self.report(diagnostic.label("not turns").help("recall records that have the text fields `role` and `text`"));
        }
    }

    pub(crate) fn check_image(&mut self, ty: &Ty, value: &Literal) {
        let of = if let Ty::Optional(inner) = ty { inner.as_ref() } else { ty };
        let fits = matches!(of, Ty::Unknown | Ty::Bytes | Ty::String) || *of == Ty::Record(ASSET.to_owned());
        if !fits {
            let message = format!("an image is an `asset`, bytes or an address, this is {ty}");
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, message);
            self.report(diagnostic.label("not an image").help("name a field of type `asset`, or a text that begins with `https://`"));
        }
    }

    /// Personal text goes to models that are cleared for it, and secrets go to none.
    pub(crate) fn check_clearance(&mut self, node: &Node, route: &str, written: &WrittenRoute, marks: Marks, paths: Paths<'_>) {
        let span = node.setting("route").map_or(node.name.span, |value| value.span);
        let models: Vec<String> = written.candidates().cloned().collect();
        if marks.secret && !models.is_empty() {
            let message = format!("a secret would reach the models of the route `{route}`");
            let diagnostic = Diagnostic::new(&meaning::SECRET_TOLD, span, message).label("told to a model");
            let diagnostic = self.with_mark(diagnostic, paths, Mark::Secret);
            self.report(diagnostic.help("leave the secret field out of the prompt"));
        }
        if !marks.pii {
            return;
        }
        self.check_kept_answers(route, written, marks, span, paths);
        for name in models {
            let Some(model) = self.plan.models.get(&name) else { continue };
            let cleared = model.remote.as_ref().is_none_or(|remote| remote.cleared.iter().any(|word| word == "pii"));
            if !cleared {
                let message = format!("personal text would reach the model `{name}`, which is not cleared for it");
                let diagnostic =
                    Diagnostic::new(&meaning::NOT_CLEARED, span, message).label(format!("the route `{route}` may ask `{name}`"));
                let diagnostic = self.with_mark(diagnostic, paths, Mark::Personal);
                self.report(diagnostic.help(format!("write `cleared pii` in the model `{name}` if its provider may see personal data")));
            }
        }
    }

    /// Every model of the route can do what is asked.
    pub(crate) fn check_ability(&mut self, node: &Node, written: &WrittenRoute, ability: &str) {
        let span = node.setting("route").map_or(node.name.span, |value| value.span);
        for name in written.candidates().cloned().collect::<Vec<_>>() {
            let Some(remote) = self.plan.models.get(&name).and_then(|model| model.remote.as_ref()) else { continue };
            if !remote.can.iter().any(|word| word == ability) {
                let message = format!("this needs a model that can do `{ability}`, and `{name}` cannot");
                let diagnostic = Diagnostic::new(&meaning::ROUTE_MISMATCH, span, message).label(format!("may ask `{name}`"));
                self.report(diagnostic.help(format!("write `can {ability}` in the model if it does, or name another route")));
            }
        }
    }

    /// The rungs of a route that writes, with its templates in a step's scope.
    pub(crate) fn writing_rungs(&mut self, written: &WrittenRoute, place: &mut Place<'_, '_>, marks: &mut Marks) -> Option<Vec<Rung>> {
        let mut rungs = Vec::new();
        for rung in &written.rungs {
            match rung {
                WrittenRung::Template { text, literal } => {
                    let (checked, found) = template::check(text, literal, &place.scope, &self.plan.types);
                    found.into_iter().for_each(|diagnostic| self.report(diagnostic));
                    let checked = checked?;
                    self.check_secret_told(
                        checked.marks,
                        literal.span,
                        "a template of a route",
                        Paths { scope: &place.scope, reads: &checked.reads },
                    );
                    place.came.tell(checked.marks, checked.outside.as_ref());
                    place.reads.extend(checked.reads);
                    *marks = marks.with(checked.marks);
                    rungs.push(Rung::Template { template: checked.template });
                }
                WrittenRung::Candidate(model) => rungs.push(Rung::Candidate { model: model.clone() }),
                WrittenRung::Fail(message) => rungs.push(Rung::Fail { message: message.clone() }),
                WrittenRung::Person(escalation) => rungs.push(Rung::Person { escalation: escalation.clone() }),
                WrittenRung::Cached(max_age) => rungs.push(Rung::Cached { max_age: *max_age }),
                WrittenRung::Value { .. } => {}
            }
        }
        Some(rungs)
    }

    /// A draft that a model may write.
    pub(crate) fn lower_generate(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<(Generate, Ty, Marks)> {
        let value = node.argument(0)?.clone();
        let image = value.text() == Some("image");
        let record = if image { self.asset() } else { self.reference(&value, "type")? };
        let (route, written) = self.route(node, if image { "image" } else { "text" }, place)?;
        let (talk, mut marks) = self.lower_talk(node, place)?;
        if talk.prompt.is_none() && talk.user.is_none() {
            self.missing(node, "prompt", "write `prompt (file)\"prompts/reply.md\"`, or `system` and `user`: what the model is told");
        }
        self.check_clearance(node, &route, &written, marks, place.paths());
        if !talk.images.is_empty() {
            self.check_ability(node, &written, "vision");
        }
        self.check_written(&record, &written, &value);
        let rungs = self.writing_rungs(&written, place, &mut marks)?;
        let terms = written.terms.clone();
        self.plan.routes.insert(route.clone(), Arc::new(Route { name: route.clone(), needs: written.needs.clone(), rungs, terms }));
        let ty = Ty::Record(record.clone());
        let marks = if planted(Hole::Draft) { Marks::default() } else { marks };
        Some((Generate { record, route, talk }, ty, Marks { model: true, secret: false, ..marks }))
    }

    /// A template on the ladder fills one text field: a record of more cannot come from it.
    fn check_written(&mut self, record: &str, written: &WrittenRoute, value: &Literal) {
        let template = written.rungs.iter().any(|rung| matches!(rung, WrittenRung::Template { .. }));
        let fields = self.plan.types.records.get(record).map(|record| record.fields.clone()).unwrap_or_default();
        let required: Vec<_> = fields.iter().filter(|field| field.default.is_none() && !matches!(field.ty, Ty::Optional(_))).collect();
        if template && !matches!(required.as_slice(), [only] if only.ty == Ty::String) {
            let message = format!("the route ends in a template, which fills one text field, and `{record}` needs {}", required.len());
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, message).label("not one text field");
            self.report(diagnostic.help("name a route that ends in `person` or `fail`, or draft a type with one required text field"));
        }
    }

    /// `classify image=`.
    pub(crate) fn lower_look(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        let labels = self.reference(&node.argument(0)?.clone(), "enum")?;
        let image = node.setting("image")?.clone();
        self.refuse_numbers(node);
        let checked = self.value(&image, &place.scope, None)?;
        self.check_image(&checked.expr.ty, &image);
        let mut marks = checked.marks;
        let seen = image.span;
        let image = place.note(checked).expr;
        let text = match node.setting("text").cloned() {
            Some(text) => {
                let checked = place.note(self.value(&text, &place.scope, Some(&Ty::String))?);
                marks = marks.with(checked.marks);
                Some(checked.expr)
            }
            None => None,
        };
        let (route, written) = self.route(node, "classify", place)?;
        self.check_ability(node, &written, "vision");
        self.check_clearance(node, &route, &written, marks, place.paths());
        self.classifying_route(&route, &written, &labels)?;
        let ty = super::step::verdict(&labels);
        let marks = Marks { model: true, untrusted: true, ..Marks::default() };
        // What is in an image, somebody outside made.
        if place.came.is_empty() {
            let shown = if image.source.is_empty() { "image".to_owned() } else { image.source.clone() };
            place.came.take((shown, seen), true);
        }
        Some((StepKind::Look(Box::new(Look { labels, route, text, image })), ty, marks))
    }
}

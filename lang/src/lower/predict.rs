//! How a model of `provider=predict` is spoken to: the body of a request and the places of its answer, or the names of tensors. What
//! other providers understand is theirs, and is refused here.

use super::context::Context;
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::Scope;
use crate::plan::{Bindings, Predict};
use crate::shape::Shaped;
use crate::shape::given::{self, Given};
use crate::ty::{Marks, Ty};

/// The provider whose words these are.
const PREDICT: &str = "predict";
/// What a label needs beside it.
const LABEL: [&str; 2] = ["label", "confidence"];
const HELP: &str = "write `request \"/predict\" { text \"=text\" }` and `response { label \"=body.label\"; confidence \"=body.score\" }`, or `tensors \"text\" label=\"label\" confidence=\"score\"`";

impl Context<'_> {
    pub(crate) fn predict(&mut self, node: &Node, provider: &str, can: &[String], batched: bool) -> Option<Predict> {
        let (request, response, tensors) = (node.first("request"), node.first("response"), node.first("tensors"));
        if provider != PREDICT {
            for own in [request, response, tensors].into_iter().flatten() {
                let message = format!("`{}` says nothing of a model of `{provider}`, which has an interface of its own", own.name.text);
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, own.name.span, message).label("not used");
                self.report(diagnostic.help("leave it out, or write `provider=predict`"));
            }
            return None;
        }
        if node.setting("base-url").is_none() {
            self.missing(node, "base-url", "write `base-url=\"https://…\"`: where it answers");
        }
        self.check_predicting(node, can);
        match (request, response, tensors) {
            (Some(request), Some(response), None) => self.predict_json(request, response, can, batched),
            (None, None, Some(tensors)) => self.predict_tensors(tensors, can),
            (None, None, None) => {
                self.missing(node, "request and response", HELP);
                None
            }
            (_, _, Some(tensors)) => {
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, tensors.name.span, "this model is asked in two ways");
                self.report(diagnostic.label("the second way").help("keep `request` and `response`, or `tensors`"));
                None
            }
            (Some(_), None, None) => {
                self.missing(node, "response", HELP);
                None
            }
            (None, Some(_), None) => {
                self.missing(node, "request", HELP);
                None
            }
        }
    }

    /// It labels or writes; it is offered no tools, draws nothing and gives no vectors.
    fn check_predicting(&mut self, node: &Node, can: &[String]) {
        for word in node.list("can") {
            let Some(text) = word.text().filter(|text| can.iter().any(|can| can == text)) else { continue };
            if !["text", "classify", "vision"].contains(&text) {
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, word.span, format!("a model of `predict` cannot do `{text}`"));
                self.report(diagnostic.label("not so").help("it can do `classify`, `text` and `vision`"));
            }
        }
    }

    fn predict_json(&mut self, request: &Node, response: &Node, can: &[String], batched: bool) -> Option<Predict> {
        let path = self.path_below(request)?;
        let text = if batched { ("texts", Ty::List(Box::new(Ty::String))) } else { ("text", Ty::String) };
        let texts = |name: &str, ty: &Ty, scope: Scope| scope.with(name, ty.clone(), Marks::default());
        let scope = texts(text.0, &text.1, Scope::default());
        let scope = texts("system", &Ty::String, scope);
        let scope = texts("labels", &Ty::List(Box::new(Ty::String)), scope);
        let scope = if batched { scope } else { texts("images", &Ty::List(Box::new(Ty::String)), scope) };
        let sent = self.free_bindings(Some(request), &scope);
        let body = Scope::default().with("body", Ty::Json, Marks::default());
        let each = response.setting("each").cloned().and_then(|each| self.value(&each, &body, Some(&Ty::Json))).map(|each| each.expr);
        if batched && response.setting("each").is_none() {
            self.missing(response, "each", "write `response each=\"=body.predictions\" { … }`: the list with an item for each text");
        }
        let body = if each.is_some() { body.with("it", Ty::Json, Marks::default()) } else { body };
        let mut answer = Bindings::new();
        for (name, value) in given::all(response).into_iter().filter(|(name, _)| name.text != "each") {
            let wanted = can.iter().any(|can| can == "classify") && !can.iter().any(|can| can == "text");
            let ty = match name.text.as_str() {
                "label" if wanted => Some(Ty::String),
                "confidence" if wanted => Some(Ty::Double),
                _ => None,
            };
            answer.extend(self.given_value(&name.text, value, &body, ty.as_ref()).map(|checked| (name.text.clone(), checked.expr)));
        }
        self.check_answer(response, can);
        Some(Predict::Json { path, request: sent, each, answer })
    }

    fn predict_tensors(&mut self, node: &Node, can: &[String]) -> Option<Predict> {
        let input = self.argument(node, 0, "the name of a tensor")?;
        let mut outputs = Vec::new();
        for (name, value) in given::all(node) {
            match value {
                Given::One(tensor) => {
                    self.refuse_holes(tensor, "the name of a tensor");
                    outputs.extend(self.text(tensor, "the name of a tensor").map(|tensor| (name.text.clone(), tensor)));
                }
                other => {
                    let diagnostic =
                        Diagnostic::new(&meaning::WRONG_VALUE, other.span(), format!("`{}` is the name of a tensor", name.text));
                    self.report(diagnostic.label("not a name").help("write `label=\"label\"`: the tensor that holds it"));
                }
            }
        }
        self.check_answer(node, can);
        Some(Predict::Tensors { input, outputs })
    }

    /// What labels says the label and how sure it is; what writes says anything.
    fn check_answer(&mut self, node: &Node, can: &[String]) {
        let names: Vec<String> = given::all(node).into_iter().map(|(name, _)| name.text.clone()).collect();
        if can.iter().any(|can| can == "classify") {
            for missing in LABEL.into_iter().filter(|wanted| !names.iter().any(|name| name == wanted)) {
                self.missing(
                    node,
                    missing,
                    "write `label` and `confidence`: which of the labels it is, and how sure the model is, from 0 to 1",
                );
            }
        } else if names.iter().all(|name| name == "each") {
            self.missing(node, "field", "write where a field of what is drafted stands, such as `text \"=body.text\"`");
        }
    }

    /// A path that is the same in every call.
    fn path_below(&mut self, node: &Node) -> Option<String> {
        let value = node.argument(0)?.clone();
        self.refuse_holes(&value, "a path");
        let path = self.text(&value, "a path")?;
        self.is_path(&path, value.span).then_some(path)
    }

    fn is_path(&mut self, path: &str, span: crate::source::Span) -> bool {
        let fits = path.starts_with('/') && !path.contains(['?', '#', '\\']) && !path.split('/').any(|part| part == "..");
        if !fits {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, span, format!("`{path}` is no path below the base URL"));
            self.report(diagnostic.label("not a path").help("write it as `\"/predict\"`"));
        }
        fits
    }

    /// What is asked so that a model stays loaded. A server of plain JSON has no place of its own for that.
    pub(crate) fn warm_path(&mut self, node: &Node, predict: Option<&Predict>) -> Option<String> {
        let warm = node.first("warm")?.clone();
        match warm.setting("path").cloned() {
            Some(value) => {
                let path = self.text(&value, "`path`")?;
                self.is_path(&path, value.span).then_some(path)
            }
            None if matches!(predict, Some(Predict::Json { .. })) => {
                self.missing(&warm, "path", "write `warm keep=\"10m\" path=\"/readyz\"`: what is asked so that it stays loaded");
                None
            }
            None => None,
        }
    }
}

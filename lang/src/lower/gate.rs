//! Models of this process beyond text: which numbers they read, what an `anomaly` holds for usual, what an `elasticity` is asked; and the
//! numbers that a step gives. Numbers stand behind the text that is classified, one a line: every model reads them there.

use super::context::Context;
use super::model::WrittenRoute;
use super::step::Place;
use crate::ast::{Literal, Node, Scalar};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{Checked, Expr, Function, Operation, Tree};
use crate::plan::{DEFAULT_LEVEL, DEFAULT_THRESHOLD, Gate, INSTANT, Learns, PRICE_STEP, Season, Seasonal};
use crate::shape::Shaped;
use crate::ty::Ty;
use crate::value::Value;

/// Providers of this process that learn from rows of the repository.
pub(crate) const LEARNERS: &[&str] = &["linear", "anomaly", "elasticity"];

/// Settings of some of them alone, and whose they are.
const SETTINGS: &[(&str, &[&str])] = &[
    ("numbers", &["linear", "anomaly"]),
    ("label", &["linear"]),
    ("season", &["anomaly"]),
    ("threshold", &["anomaly"]),
    ("level", &["elasticity"]),
];

/// What is asked of a model: the text with the numbers behind it, and the names of the numbers.
pub(crate) struct Question {
    pub(crate) said: Checked,
    pub(crate) names: Vec<String>,
    pub(crate) has_text: bool,
}

impl Context<'_> {
    /// What a model of this process reads beside text; none where it reads text alone. The outer `None`: it was written wrongly.
    #[expect(clippy::option_option, reason = "a mistake is not the same as nothing")]
    pub(crate) fn gate(&mut self, node: &Node, provider: &str) -> Option<Option<Gate>> {
        for (setting, whose) in SETTINGS.iter().filter(|(_, whose)| !whose.contains(&provider)) {
            let given = node.property(setting).map(|value| value.span).or_else(|| node.first(setting).map(|child| child.name.span));
            if let Some(span) = given {
                let message = format!("`{setting}` says nothing of a model of `{provider}`");
                let help = format!(
                    "leave it out; it belongs to {}",
                    whose.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
                );
                self.report(Diagnostic::new(&meaning::WRONG_VALUE, span, message).label("not used").help(help));
            }
        }
        let numbers = self.numbers_read(node)?;
        match provider {
            "anomaly" => {
                let [number] = numbers.as_slice() else {
                    self.missing(node, "numbers", "write `numbers \"units\"`: the one number of its rows that is watched");
                    return None;
                };
                let season = node.setting("season").cloned().and_then(|value| self.season(&value));
                let threshold = self.positive(node, "threshold", DEFAULT_THRESHOLD, 1000.0)?;
                let mut asked = vec![number.clone()];
                asked.extend(season.is_some().then(|| INSTANT.to_owned()));
                asked.sort();
                Some(Some(Gate { asked, learns: Learns::Usual { number: number.clone(), season, threshold } }))
            }
            "elasticity" => {
                let level = self.positive(node, "level", DEFAULT_LEVEL, 0.9999)?;
                Some(Some(Gate { asked: PRICE_STEP.map(str::to_owned).to_vec(), learns: Learns::Response { level } }))
            }
            _ if numbers.is_empty() => Some(None),
            _ => Some(Some(Gate { asked: numbers, learns: Learns::Labels })),
        }
    }

    /// `numbers "days" "total"`, by name.
    fn numbers_read(&mut self, node: &Node) -> Option<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        for value in node.list("numbers").into_iter().cloned().collect::<Vec<_>>() {
            let name = self.text(&value, "a number")?;
            self.snake_case(&name, value.span, "a number");
            let problem = match name.as_str() {
                INSTANT => Some(format!("`{INSTANT}` is the instant of a question, and no number")),
                "text" | "group" | "label" => Some(format!("`{name}` of a row is no number")),
                _ if names.contains(&name) => Some(format!("`{name}` is named twice")),
                _ => None,
            };
            if let Some(message) = problem {
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, message).label("cannot be learned from");
                self.report(diagnostic.help("name each number of the rows once, such as `numbers \"days\" \"total\"`"));
                return None;
            }
            names.push(name);
        }
        names.sort();
        Some(names)
    }

    /// The season that a word names, in the project's time zone.
    fn season(&mut self, value: &Literal) -> Option<Seasonal> {
        let season = Season::named(&self.word(value, "`season`", &["hour", "weekday"])?)?;
        Some(Seasonal { season, time_zone: self.plan.project.time_zone.clone() })
    }

    /// A number above 0 and up to a bound.
    fn positive(&mut self, node: &Node, setting: &str, otherwise: f64, most: f64) -> Option<f64> {
        let Some(value) = node.setting(setting).cloned() else { return Some(otherwise) };
        let number = match value.scalar {
            #[expect(clippy::cast_precision_loss, reason = "a bound, far below 2^53 where it is accepted")]
            Scalar::Int(number) => Some(number as f64),
            Scalar::Double(number) => Some(number),
            _ => None,
        };
        let found = number.filter(|number| *number > 0.0 && *number <= most);
        if found.is_none() {
            let message = format!("`{setting}` must be a number above 0 and up to {most}");
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, message).label("not such a number");
            self.report(diagnostic.help(format!("write `{setting}={otherwise}`, for instance")));
        }
        found
    }

    /// What `classify` asks: `text`, `numbers`, or both.
    pub(crate) fn question(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Question> {
        let text = match node.setting("text").cloned() {
            Some(text) => Some(self.value(&text, &place.scope, Some(&Ty::String))?),
            None => None,
        };
        let text = text.map(|text| place.note(text));
        let mut given = Vec::new();
        for child in node.all("numbers").collect::<Vec<_>>() {
            for property in &child.properties {
                let name = property.name.text.clone();
                let ty = if name == INSTANT { Ty::Timestamp } else { Ty::Double };
                let checked = self.value(&property.value, &place.scope, Some(&ty))?;
                given.push((name, place.note(checked)));
            }
            if child.properties.is_empty() {
                self.missing(child, "numbers", "write `numbers days=\"=input.days\"`");
                return None;
            }
        }
        if text.is_none() && given.is_empty() {
            self.missing(node, "text", "write `text=\"=input.text\"`: what is classified");
            return None;
        }
        given.sort_by(|(one, _), (other, _)| one.cmp(other));
        let names = given.iter().map(|(name, _)| name.clone()).collect();
        let has_text = text.is_some();
        Some(Question { said: said(text, given)?, names, has_text })
    }

    /// Who looks at an image is told no numbers beside it.
    pub(crate) fn refuse_numbers(&mut self, node: &Node) {
        if let Some(numbers) = node.first("numbers") {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, numbers.name.span, "`numbers` says nothing beside an image");
            self.report(diagnostic.label("not used").help("leave it out, or write the numbers into `text`"));
        }
    }

    /// Whether the models of a route read what a step gives, and answer what it asks for.
    pub(crate) fn check_gates(&mut self, node: &Node, route: &WrittenRoute, labels: &str, question: &Question) {
        for name in route.candidates() {
            let Some(model) = self.plan.models.get(name).filter(|model| model.remote.is_none()).cloned() else { continue };
            let wanted = model.gate.as_ref().map_or(&[][..], |gate| &gate.asked);
            let learns = model.gate.as_ref().map(|gate| &gate.learns);
            let problem = if wanted != question.names.as_slice() {
                let listed = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                let given = if question.names.is_empty() { "no numbers".to_owned() } else { listed(&question.names) };
                let read = if wanted.is_empty() { "no numbers".to_owned() } else { listed(wanted) };
                let write = wanted.iter().map(|name| format!("{name}=\"=…\"")).collect::<Vec<_>>().join(" ");
                let help = if wanted.is_empty() { "leave them out".to_owned() } else { format!("write `numbers {write}`") };
                Some((format!("`{name}` reads {read}, and is given {given}"), help))
            } else if question.has_text && learns.is_some_and(Learns::reads_no_text) {
                Some((format!("`{name}` reads numbers, and is given a text"), "leave `text` out".to_owned()))
            } else {
                self.unanswerable(name, learns, labels)
            };
            if let Some((message, help)) = problem {
                let diagnostic =
                    Diagnostic::new(&meaning::ROUTE_MISMATCH, node.name.span, message).label(format!("by `{}`", model.provider));
                self.report(diagnostic.help(help));
            }
        }
    }

    /// Labels that a model which learns none of them from rows does not answer with.
    fn unanswerable(&self, model: &str, learns: Option<&Learns>, labels: &str) -> Option<(String, String)> {
        let answers = learns?.answers();
        let values = self.plan.types.enums.get(labels)?;
        let fits = |answer: &&&[&str]| answer.len() == values.len() && answer.iter().all(|label| values.iter().any(|value| value == label));
        if answers.is_empty() || answers.iter().any(|answer| fits(&answer)) {
            return None;
        }
        let listed: Vec<String> = answers.iter().map(|answer| format!("`enum {labels:?} {}`", answer.join(" "))).collect();
        Some((format!("`{model}` does not answer with the values of `{labels}`"), format!("write {}", listed.join(" or "))))
    }
}

/// The text, and each number behind it on a line of its own: `days: 3.0`.
fn said(text: Option<Checked>, given: Vec<(String, Checked)>) -> Option<Checked> {
    let mut whole = text;
    for (name, number) in given {
        let (before, shown) = if whole.is_some() { (format!("\n{name}: "), "\\n") } else { (format!("{name}: "), "") };
        let before = Tree::Constant(Value::string(before));
        let source = format!("'{shown}{name}: ' + string({})", number.expr.source);
        let written = |root| add(before, Tree::Call(Function::ToString, vec![root]));
        whole = Some(match whole {
            Some(mut text) => {
                text.expr.root = add(text.expr.root, written(number.expr.root));
                text.expr.source = format!("{} + {source}", text.expr.source);
                text.expr.secret |= number.expr.secret;
                text.marks = text.marks.with(number.marks);
                text.own = text.own.with(number.own);
                text
            }
            None => {
                let Checked { expr, .. } = &number;
                let expr = Expr { source, ty: Ty::String, root: written(expr.root.clone()), secret: expr.secret };
                Checked { expr, closed: false, ..number }
            }
        });
    }
    whole
}

fn add(one: Tree, other: Tree) -> Tree {
    Tree::Arithmetic(Operation::Add, Box::new(one), Box::new(other))
}

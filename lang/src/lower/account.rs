//! In whose name a step calls: the account that it names, where the environment names several of one connector. Which secret that is, and
//! where it comes from, is nothing that a step knows.

use super::context::{Context, suggest};
use super::step::Place;
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{Expr, Tree};
use crate::shape::Shaped;
use crate::ty::Ty;
use crate::value::Value;

impl Context<'_> {
    /// The `account` of a step that calls.
    pub(crate) fn lower_account_of(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Expr> {
        let written = node.setting("account").cloned();
        let call = node.first("call").and_then(|call| call.argument(0)).and_then(Literal::text);
        let Some(call) = call else {
            if let Some(written) = written {
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, written.span, "this step calls nothing in anybody's name");
                self.report(
                    diagnostic.label("of which call?").help("leave `account` out: what is taken back goes by the account that did it"),
                );
            }
            return None;
        };
        // One that does not exist is reported already.
        let connector = self.plan.operations.get(call)?.connector.clone();
        let prefix = format!("{connector}.");
        let known: Vec<String> =
            self.plan.project.accounts.keys().filter_map(|name| name.strip_prefix(&prefix)).map(str::to_owned).collect();
        let Some(written) = written else {
            if let (Some(first), true) = (known.first(), known.len() > 1) {
                let help = format!("write `account=\"{first}\"`: `{connector}` has the accounts {}", known.join(", "));
                self.missing(node, "account", &help);
            }
            return None;
        };
        if self.plan.connectors.get(&connector).is_some_and(|connector| connector.terms.account.is_empty()) {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, written.span, format!("`{connector}` has no accounts"));
            self.report(diagnostic.label("in nobody's name").help("leave it out, or declare an `account` in the connector"));
            return None;
        }
        let checked = self.value(&written, &place.scope, Some(&Ty::String))?;
        if let Tree::Constant(Value::String(name)) = &checked.expr.root
            && !known.iter().any(|known| **known == **name)
        {
            let message = format!("this environment has no account `{name}` of `{connector}`");
            let diagnostic = Diagnostic::new(&meaning::UNKNOWN_NAME, written.span, message).label("no such account");
            self.report(suggest(diagnostic, name, &known, written.span, "account"));
        }
        if checked.marks.choosing().steered {
            let diagnostic = Diagnostic::new(&meaning::TAINTED, written.span, "text from outside chooses in whose name this is done");
            let diagnostic = self.with_way(diagnostic.label("derived from outside text"), &checked, place);
            self.report(diagnostic.help("take it from a trusted record, or bound it with `among(x, own_list)`"));
        }
        self.check_personal(&checked, Some(&written), "the name of an account", &place.scope);
        Some(place.note(checked).expr)
    }
}

//! Amounts of a policy that meet no effect in their currency: comparing two currencies has no value, and a rule without a value decides
//! nothing as it was meant. Which currencies effects may be in is what the project, its exchanges, its connectors and its accounts name.

use super::context::Context;
use crate::ast::Node;
use crate::code::{expression, meaning};
use crate::diagnostic::Diagnostic;
use crate::expr::{Expr, Tree};
use crate::literal::unlisted;
use crate::money::Currency;
use crate::shape::Shaped;
use crate::source::Span;
use crate::value::Value;
use std::collections::BTreeSet;

impl Context<'_> {
    /// Reports amounts of a rule in a currency that nothing it covers can be in. `written`: expressions by the settings that hold them.
    pub(crate) fn check_currencies(&mut self, rule: &Node, written: &[(&str, &Expr)]) {
        let known = self.currencies();
        for (setting, expr) in written {
            let Some(amount) = expr.root.amounts().into_iter().find(|amount| !known.contains(&amount.currency)) else { continue };
            let (own, other) = (self.currency().as_str().to_owned(), amount.currency.as_str().to_owned());
            let span = rule.setting(setting).map_or(rule.name.span, |value| value.span);
            let message = format!("`{amount}` can be compared with nothing here: amounts are in {own}, and no `exchange` knows {other}");
            let diagnostic = Diagnostic::new(&expression::CURRENCIES, span, message).label("of another currency");
            let rate = format!("declare what it is worth in the project: `exchange \"1 {other}\" \"… {own}\"`");
            self.report(diagnostic.help(format!("write it in {own}, or {rate}")));
        }
    }

    /// Reports an amount whose currency ISO 4217 does not list.
    pub(crate) fn check_listed(&mut self, value: &Value, span: Span) {
        if let Value::Money(money) = value
            && !money.currency.is_listed()
        {
            self.report(unlisted(money.currency, span));
        }
    }

    /// A currency in which a provider's numbers are read: without one that is known, every call that meets an amount would fail.
    pub(crate) fn check_currency(&mut self, text: &str, span: Span) {
        match Currency::parse(text) {
            None => {
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, span, format!("`{text}` is no code of a currency"));
                self.report(diagnostic.label("not a currency").help("three capital letters, such as `USD`"));
            }
            Some(currency) if !currency.is_listed() => self.report(unlisted(currency, span)),
            Some(_) => {}
        }
    }

    /// The currencies in which amounts may come.
    fn currencies(&self) -> BTreeSet<Currency> {
        let mut known = self.known.currencies.clone();
        known.insert(self.currency());
        let forms = self.plan.connectors.values().filter_map(|connector| connector.terms.money.as_ref()?.currency.as_ref());
        known.extend(forms.filter_map(|currency| match &currency.root {
            Tree::Constant(text) => text.as_str().and_then(Currency::parse),
            _ => None,
        }));
        known
    }
}

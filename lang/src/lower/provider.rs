//! Models behind a network: providers, prices, what they can do and may be told.

use super::context::Context;
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::money::Money;
use crate::plan::{Budget, BudgetPer, Model, ModelLimit, Prices, Remote};
use crate::shape::Shaped;
use crate::ty::Ty;
use crate::value::Value;

/// Providers that this language knows.
pub(crate) const PROVIDERS: &[&str] =
    &["linear", "anomaly", "elasticity", "embedding", "openai", "anthropic", "google", "mistral", "predict"];

/// What a model can do.
const ABILITIES: &[&str] = &["text", "classify", "vision", "tools", "image", "embed"];

impl Context<'_> {
    pub(crate) fn lower_remote(&mut self, node: &Node, name: &str, provider: String) -> Option<Model> {
        let own = node.setting("name").is_some();
        if !own {
            self.missing(node, "name", "write `name=\"…\"`: what the provider calls it");
        }
        for unused in
            ["rows", "label", "numbers", "season", "threshold", "level"].into_iter().filter(|unused| node.setting(unused).is_some())
        {
            let span = node.setting(unused).map_or(node.name.span, |value| value.span);
            let message = format!("`{unused}` says nothing of a model that its provider trained");
            self.report(Diagnostic::new(&meaning::WRONG_VALUE, span, message).label("not used").help("leave it out"));
        }
        let model = self.setting_text(node, "name");
        let base_url = self.address(node);
        let secret = node.setting("secret").cloned().and_then(|value| self.secret_reference(&value));
        let context = if node.setting("context").is_some() {
            self.count(node, "context", 1, 100_000_000)
        } else {
            self.missing(node, "context", "write `context 32768`: how many tokens it can read");
            None
        };
        let max_output = node.setting("max-output").is_some().then(|| self.count(node, "max-output", 1, 100_000_000)).flatten();
        let region = self.setting_text(node, "region");
        let prices = self.prices(node);
        let can = self.words(node, "can", ABILITIES);
        if can.is_empty() && node.first("can").is_none() {
            self.missing(node, "can", "write `can text`: what it can do");
        }
        let cleared = self.words(node, "cleared", &["pii"]);
        let cleared_region = node.first("cleared").and_then(|cleared| cleared.property("region")).and_then(|value| value.text());
        let cleared_region = cleared_region.map(str::to_owned);
        let limit = node.first("limit").and_then(|limit| self.model_limit(limit));
        let batch = node.first("batch").and_then(|batch| {
            let most = if batch.setting("max").is_some() { self.count(batch, "max", 1, 100_000) } else { None };
            let wait = batch.setting("wait").is_some().then(|| self.span_of_time(batch, "wait")).flatten();
            for needed in ["max", "wait"].into_iter().filter(|needed| batch.setting(needed).is_none()) {
                self.missing(batch, needed, "write `batch max=16 wait=\"20ms\"`");
            }
            most.zip(wait)
        });
        let warm = node.first("warm").and_then(|warm| self.span_of_time_of(warm, "keep", "write `warm keep=\"10m\"`"));
        let predict = self.predict(node, &provider, &can, batch.is_some());
        let warm_path = self.warm_path(node, predict.as_ref());
        let stream = self.streams(node, &provider);
        let prices = prices?;
        let price = prices.call.unwrap_or(Money::zero(self.currency()));
        let remote = Remote {
            model: model?,
            base_url,
            secret,
            context: context?,
            max_output,
            region,
            prices,
            can,
            cleared,
            cleared_region,
            limit,
            batch,
            warm,
            warm_path,
            stream,
            predict,
        };
        Some(Model { name: name.to_owned(), provider, rows: String::new(), label: String::new(), price, remote: Some(remote), gate: None })
    }

    /// Whether answers come as a stream; only what talks has one.
    fn streams(&mut self, node: &Node, provider: &str) -> bool {
        let Some(value) = node.setting("stream").cloned() else { return false };
        if !["openai", "mistral", "anthropic"].contains(&provider) {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("a model of `{provider}` answers as a whole"));
            self.report(diagnostic.label("not a stream").help("leave it out"));
            return false;
        }
        self.typed(&value, &Ty::Bool) == Some(Value::Bool(true))
    }

    /// A span of time that must be given.
    pub(crate) fn span_of_time_of(&mut self, node: &Node, name: &str, help: &str) -> Option<i64> {
        if node.setting(name).is_some() {
            return self.span_of_time(node, name);
        }
        self.missing(node, name, help);
        None
    }

    /// Words of a child, each of a fixed choice.
    fn words(&mut self, node: &Node, name: &str, choice: &[&str]) -> Vec<String> {
        let values: Vec<_> = node.list(name).into_iter().cloned().collect();
        values.iter().filter_map(|value| self.word(value, &format!("`{name}`"), choice)).collect()
    }

    /// Where a provider answers, if that is said.
    fn address(&mut self, node: &Node) -> Option<String> {
        let url = self.setting_text(node, "base-url")?;
        if super::connector::host_of(&url).is_some() {
            return Some(url);
        }
        let span = node.setting("base-url").map_or(node.name.span, |base| base.span);
        let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, span, format!("`{url}` is not an http address"));
        self.report(diagnostic.label("no scheme and host").help("write it as `https://host/path`"));
        None
    }

    fn prices(&mut self, node: &Node) -> Option<Prices> {
        let mut prices = Prices::default();
        if node.first("price").is_none() {
            self.missing(
                node,
                "price",
                "write `price input=\"3 USD\" output=\"15 USD\" per=\"1M tokens\"`: an unknown price is never paid",
            );
            return None;
        }
        for child in node.all("price").collect::<Vec<_>>() {
            if child.argument(0).is_none() && child.properties.is_empty() {
                self.missing(child, "amount", "write `price \"0 USD\"`, or `price input=… output=… per=\"1M tokens\"`");
            }
            if let Some(value) = child.argument(0).cloned() {
                prices.call = self.money(&value);
            }
            let tokens = ["input", "output", "cached-input"].iter().any(|name| child.setting(name).is_some());
            let per = match (child.setting("per").cloned(), tokens) {
                (Some(value), _) => self.tokens(&value),
                (None, true) => {
                    self.missing(child, "per", "write `per=\"1M tokens\"`");
                    None
                }
                (None, false) => None,
            };
            let mut amount = |name: &str| child.setting(name).cloned().and_then(|value| self.money(&value));
            let (input, output, cached) = (amount("input"), amount("output"), amount("cached-input"));
            prices.image = amount("image").or(prices.image);
            prices.second = amount("second").or(prices.second);
            prices.input = input.zip(per).or(prices.input);
            prices.output = output.zip(per).or(prices.output);
            prices.cached_input = cached.zip(per).or(prices.cached_input);
        }
        Some(prices)
    }

    /// `1M tokens`.
    fn tokens(&mut self, value: &crate::ast::Literal) -> Option<u64> {
        let text = self.text(value, "`per`")?;
        let number = text.strip_suffix(" tokens").or_else(|| text.strip_suffix(" token"))?;
        let (digits, factor) = match (number.strip_suffix('M'), number.strip_suffix('k')) {
            (Some(digits), _) => (digits, 1_000_000),
            (_, Some(digits)) => (digits, 1_000),
            _ => (number, 1),
        };
        let read = digits.parse::<u64>().ok().filter(|count| *count > 0).and_then(|count| count.checked_mul(factor));
        if read.is_none() {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("`{text}` is no number of tokens"));
            self.report(diagnostic.label("cannot be read").help("write `per=\"1M tokens\"`"));
        }
        read
    }

    fn model_limit(&mut self, node: &Node) -> Option<ModelLimit> {
        let help = "write `limit requests=50 tokens=100000 per=\"1m\"`, or `limit in-flight=8`";
        let is_alone = node.setting("in-flight").is_some() && node.setting("requests").is_none() && node.setting("tokens").is_none();
        let per = if is_alone && node.setting("per").is_none() { 0 } else { self.span_of_time_of(node, "per", help)? };
        if ["requests", "tokens", "in-flight"].iter().all(|name| node.setting(name).is_none()) {
            self.missing(node, "requests, tokens or in-flight", help);
        }
        let mut number = |name: &str| node.setting(name).is_some().then(|| self.count(node, name, 1, i64::from(u32::MAX))).flatten();
        Some(ModelLimit { requests: number("requests"), tokens: number("tokens"), per, in_flight: number("in-flight") })
    }

    /// `budget "2 EUR" per=day`.
    pub(crate) fn budget(&mut self, node: &Node) -> Option<Budget> {
        let most = node.argument(0).cloned().and_then(|value| self.money(&value))?;
        let Some(per) = node.setting("per").cloned() else {
            self.missing(node, "per", "write `per=day`, `per=run`, `per=task`, or a span of time");
            return None;
        };
        let per = match per.text() {
            Some("task") => BudgetPer::Task,
            Some("run") => BudgetPer::Run,
            Some("day") => BudgetPer::Day,
            _ => match self.typed(&per, &Ty::Duration)? {
                Value::Duration(micros) if micros > 0 => BudgetPer::Rolling(micros),
                _ => return None,
            },
        };
        Some(Budget { most, per })
    }
}

//! The twin of a shop, a payment provider and a help desk: a pure state machine over requests and answers.
//!
//! It opens no socket, reads no clock and draws no random number: the same requests in the same order give the same
//! answers, so that a ledger of requests is its whole state.

use super::effects::Effect;
use crate::percent;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use tradewind_lang::money::Money;

/// How many prices may be set at once.
const MOST_PRICES: usize = 250;

/// One request as a provider sees it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TwinRequest {
    /// Upper-case method.
    pub method: String,
    /// Path as sent, percent-encoded, such as `/shop/orders/CA-1`.
    pub path: String,
    /// Query parameters, decoded.
    pub query: Vec<(String, String)>,
    /// The `Idempotency-Key` header.
    pub key: Option<String>,
    /// The JSON body; `Null` for none.
    pub body: Json,
}

/// What a provider answers.
#[derive(Debug, Clone, PartialEq)]
pub struct TwinAnswer {
    /// HTTP status.
    pub status: u16,
    /// JSON body.
    pub body: Json,
    /// What the request did now (a stored answer does nothing); several where it held several calls.
    pub effects: Vec<Effect>,
}

impl TwinAnswer {
    pub(crate) fn plain(status: u16, body: Json) -> Self {
        Self { status, body, effects: Vec::new() }
    }

    pub(crate) fn error(status: u16, message: impl Into<String>) -> Self {
        Self::plain(status, json!({ "message": message.into() }))
    }
}

/// A write that was answered under a key.
#[derive(Debug, Clone)]
struct Answered {
    path: String,
    body: Json,
    status: u16,
    answer: Json,
}

/// Orders, refunds and replies, and what was answered under which key.
#[derive(Debug, Clone, Default)]
pub struct TwinWorld {
    orders: BTreeMap<String, Map<String, Json>>,
    refunds: Vec<Json>,
    refunded: BTreeMap<String, Money>,
    replies: Vec<Json>,
    /// What a product costs: what its first order paid, until somebody sets it.
    prices: BTreeMap<String, Money>,
    answered: BTreeMap<String, Answered>,
}

impl TwinWorld {
    /// Adds an order: an object with at least `id` (text) and `paid` (money as text). `true` where it is new;
    /// an order of the same id that is known already stays as it is.
    ///
    /// # Errors
    /// An order without `id` or `paid`; the text is for people.
    pub fn seed_order(&mut self, order: &Json) -> Result<bool, String> {
        let Json::Object(fields) = order else { return Err("an order is a JSON object".to_owned()) };
        let id = fields.get("id").and_then(Json::as_str).ok_or("an order needs an `id`, a text")?;
        let paid = money_of(fields.get("paid")).ok_or_else(|| format!("order `{id}` needs `paid`, money such as \"12.30 USD\""))?;
        if self.orders.contains_key(id) {
            return Ok(false);
        }
        if let Some(product) = fields.get("product").and_then(Json::as_str) {
            self.prices.entry(product.to_owned()).or_insert(paid);
        }
        self.orders.insert(id.to_owned(), fields.clone());
        Ok(true)
    }

    /// Whether it plays the provider of an operation, by the operation's full name.
    #[must_use]
    pub fn plays(operation: &str) -> bool {
        matches!(operation.split('.').next(), Some("shop" | "payments" | "helpdesk"))
    }

    /// How many orders it holds.
    #[must_use]
    pub fn order_count(&self) -> usize {
        self.orders.len()
    }

    /// Works one request.
    pub fn handle(&mut self, request: &TwinRequest) -> TwinAnswer {
        let path: Vec<String> = request.path.split('/').skip(1).map(percent::decode).collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match (request.method.as_str(), path.as_slice()) {
            ("GET", ["shop", "orders", id]) => self.order(id),
            ("GET", ["shop", "prices", product]) => match self.prices.get(*product) {
                Some(price) => TwinAnswer::plain(200, priced(product, *price)),
                None => TwinAnswer::error(404, format!("there is no product {product}")),
            },
            ("PUT", ["shop", "prices", product]) => self.keyed(request, |world, key, body| world.set_price(key, product, body)),
            ("POST", ["shop", "prices"]) => self.set_prices(&request.body),
            ("POST", ["shop", "prices", "search"]) => self.find_prices(&request.body),
            ("POST", ["payments", "refunds"]) => self.keyed(request, Self::refund),
            ("GET", ["payments", "refunds"]) => found("refunds", &self.refunds, request),
            ("POST", ["helpdesk", "replies"]) => self.keyed(request, Self::reply),
            ("GET", ["helpdesk", "replies"]) => found("replies", &self.replies, request),
            (_, ["shop", "orders" | "prices", _] | ["shop", "prices"] | ["payments", "refunds"] | ["helpdesk", "replies"]) => {
                TwinAnswer::error(405, format!("{} is not possible here", request.method))
            }
            _ => TwinAnswer::error(404, "there is nothing here"),
        }
    }

    fn order(&self, id: &str) -> TwinAnswer {
        let Some(order) = self.orders.get(id) else { return TwinAnswer::error(404, format!("there is no order {id}")) };
        let mut order = order.clone();
        if let Some(refunded) = self.refunded_of(id) {
            order.insert("refunded".to_owned(), json!(refunded.to_string()));
        }
        TwinAnswer::plain(200, json!({ "order": order }))
    }

    /// What was given back of an order so far; `None` for an order that is unknown.
    #[must_use]
    pub fn refunded_of(&self, id: &str) -> Option<Money> {
        let paid = money_of(self.orders.get(id)?.get("paid"))?;
        Some(self.refunded.get(id).copied().unwrap_or_else(|| Money::zero(paid.currency)))
    }

    /// A write under a key: the stored answer where the key is known, else the work.
    fn keyed(&mut self, request: &TwinRequest, work: impl FnOnce(&mut Self, &str, &Json) -> TwinAnswer) -> TwinAnswer {
        let Some(key) = request.key.as_deref().filter(|key| !key.is_empty()) else {
            return TwinAnswer::error(400, "an Idempotency-Key header is needed");
        };
        if let Some(known) = self.answered.get(key) {
            if known.path == request.path && known.body == request.body {
                return TwinAnswer::plain(known.status, known.answer.clone());
            }
            return TwinAnswer::error(409, "the Idempotency-Key was used for another request");
        }
        let answer = work(self, key, &request.body);
        // A malformed request is not remembered: its author may mend it under the same key.
        if answer.status != 400 {
            let (path, body) = (request.path.clone(), request.body.clone());
            self.answered.insert(key.to_owned(), Answered { path, body, status: answer.status, answer: answer.body.clone() });
        }
        answer
    }

    fn set_price(&mut self, key: &str, product: &str, body: &Json) -> TwinAnswer {
        let Some(price) = money_of(body.get("price")) else {
            return TwinAnswer::error(400, "a product needs `price`, money such as \"12.30 USD\"");
        };
        let Some(before) = self.prices.get_mut(product) else { return TwinAnswer::error(422, format!("there is no product {product}")) };
        if price.compare(Money::zero(before.currency)) != Some(std::cmp::Ordering::Greater) {
            return TwinAnswer::error(422, format!("{price} is no price in {}", before.currency.as_str()));
        }
        *before = price;
        let effect = Effect::new("shop.price.set", key, product, price.to_string());
        TwinAnswer { status: 200, body: priced(product, price), effects: vec![effect] }
    }

    /// What many products cost; those that there are not are left out.
    fn find_prices(&self, body: &Json) -> TwinAnswer {
        let Some(wanted) = body.get("products").and_then(Json::as_array).filter(|wanted| wanted.len() <= MOST_PRICES) else {
            return TwinAnswer::error(400, format!("products are needed, a list of at most {MOST_PRICES}"));
        };
        let found = wanted.iter().filter_map(|product| {
            let product = product.as_str()?;
            priced(product, *self.prices.get(product)?).get("price").cloned()
        });
        let found: Vec<Json> = found.collect();
        TwinAnswer::plain(200, json!({ "prices": found }))
    }

    /// Many prices at once, each under its own key, as if it had come alone: an answer for each in their order, null where it failed.
    fn set_prices(&mut self, body: &Json) -> TwinAnswer {
        let Some(wanted) = body.get("prices").and_then(Json::as_array).filter(|wanted| !wanted.is_empty()) else {
            return TwinAnswer::error(400, "prices are needed, a list");
        };
        if wanted.len() > MOST_PRICES {
            return TwinAnswer::error(400, format!("at most {MOST_PRICES} prices are set at once"));
        }
        let (mut prices, mut errors, mut effects) = (Vec::new(), Vec::new(), Vec::new());
        for (index, one) in wanted.iter().enumerate() {
            let product = text_of(one, "product").unwrap_or_default();
            let alone = TwinRequest {
                method: "PUT".to_owned(),
                path: format!("/shop/prices/{}", percent::encode(product)),
                key: text_of(one, "key").map(str::to_owned),
                body: json!({ "price": one.get("price") }),
                query: Vec::new(),
            };
            let TwinAnswer { status, body, effects: done } = self.keyed(&alone, |world, key, body| world.set_price(key, product, body));
            effects.extend(done);
            if status == 200 {
                prices.push(body.get("price").cloned().unwrap_or_default());
            } else {
                prices.push(Json::Null);
                errors.push(json!({ "index": index, "code": code_of(status), "message": body.get("message") }));
            }
        }
        TwinAnswer { status: 200, body: json!({ "prices": prices, "errors": errors }), effects }
    }

    fn refund(&mut self, key: &str, body: &Json) -> TwinAnswer {
        let (Some(order_id), Some(amount)) = (text_of(body, "order_id"), money_of(body.get("amount"))) else {
            return TwinAnswer::error(400, "a refund needs `order_id` and `amount`, money such as \"12.30 USD\"");
        };
        let (Some(paid), Some(before)) =
            (self.orders.get(order_id).and_then(|order| money_of(order.get("paid"))), self.refunded_of(order_id))
        else {
            return TwinAnswer::error(422, format!("there is no order {order_id}"));
        };
        if amount.compare(Money::zero(paid.currency)) != Some(std::cmp::Ordering::Greater) {
            return TwinAnswer::error(422, format!("{amount} cannot be refunded on an order in {}", paid.currency.as_str()));
        }
        let Some(after) = before.plus(amount).filter(|after| after.compare(paid) != Some(std::cmp::Ordering::Greater)) else {
            return TwinAnswer::error(422, format!("{before} of {paid} was refunded already, so {amount} is too much"));
        };
        self.refunded.insert(order_id.to_owned(), after);
        let id = format!("refund-{}", self.refunds.len() + 1);
        let refund = json!({ "id": id, "order_id": order_id, "amount": amount.to_string(), "key": key });
        self.refunds.push(refund.clone());
        let effect = Effect::new("payments.refund.create", key, order_id, amount.to_string());
        TwinAnswer { status: 201, body: json!({ "refund": refund }), effects: vec![effect] }
    }

    fn reply(&mut self, key: &str, body: &Json) -> TwinAnswer {
        let (Some(message_id), Some(text)) = (text_of(body, "message_id"), text_of(body, "body")) else {
            return TwinAnswer::error(400, "a reply needs `message_id` and `body`");
        };
        let id = format!("reply-{}", self.replies.len() + 1);
        let reply = json!({ "id": id, "message_id": message_id, "key": key });
        self.replies.push(reply.clone());
        let effect = Effect::new("helpdesk.reply", key, message_id, text);
        TwinAnswer { status: 201, body: json!({ "reply": reply }), effects: vec![effect] }
    }
}

/// Why one of many failed, in a word.
fn code_of(status: u16) -> &'static str {
    match status {
        409 => "key-used",
        422 => "refused",
        _ => "malformed",
    }
}

fn priced(product: &str, price: Money) -> Json {
    json!({ "price": { "product": product, "price": price.to_string() } })
}

fn found(name: &str, all: &[Json], request: &TwinRequest) -> TwinAnswer {
    let Some((_, key)) = request.query.iter().find(|(name, _)| name == "key") else {
        return TwinAnswer::error(400, "a search needs `key`");
    };
    let hits: Vec<&Json> = all.iter().filter(|one| text_of(one, "key") == Some(key)).collect();
    TwinAnswer::plain(200, json!({ name: hits }))
}

fn text_of<'a>(body: &'a Json, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Json::as_str).filter(|text| !text.is_empty())
}

fn money_of(value: Option<&Json>) -> Option<Money> {
    Money::parse(value?.as_str()?)
}

//! A site of pages with prices on a twin that remembers them, for the tests of pre-images and of taking back.

use super::world::*;
use crate::twin::{Reply, Request, ScriptedConnectors};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tradewind_lang::value::Value;

pub(super) const SITE: &str = r#"
project "northfield" { currency "USD"; environment "dev" { store "memory://"; twins #true } }
team "leads" { member "ann@example.com"; member "bob@example.com" }
type "page" { field "id" string; field "price" money }
type "sent" { field "id" string }
type "change" { field "id" string; field "price" money; field "mail" bool default=#false }
connector "site" version="1" {
    base-url "http://127.0.0.1:1/site"
    timeout connect="2s" total="10s"
    retry max=2 from="100ms" to="5s" { when "status == 503" }
    operation "page.get" effect=read {
        request { field "id" string }
        http GET "/pages/{id}"
        response "page" at="=body.page"
    }
    operation "page.set" effect=reversible {
        request { field "id" string; field "price" money }
        http PUT "/pages/{id}" { body { price "=request.price" } }
        response "page" at="=body.page"
        target "=request.id"
        money "=request.price" as=price
        idempotent natural
        before { call "page.get" id="=request.id" }
        undo { call "page.set" id="=request.id" price="=before.price" }
        lookup { call "page.get" id="=request.id"; done when="found.price == request.price"; not-done when="found.price == before.price" }
    }
    operation "page.create" effect=compensable {
        request { field "id" string; field "price" money }
        http POST "/pages" { header "Idempotency-Key" "=effect.key"; body { id "=request.id"; price "=request.price" } }
        response "page" at="=body.page"
        target "=request.id"
        money "=request.price" as=price
        idempotent key="=effect.key" for="24h"
        undo { call "page.delete" id="=response.id" }
    }
    operation "page.delete" effect=irreversible {
        request { field "id" string }
        http DELETE "/pages/{id}"
        response "sent" at="=body.gone"
        target "=request.id"
        idempotent natural
    }
    operation "mail" effect=irreversible {
        request { field "id" string }
        http POST "/mail" { header "Idempotency-Key" "=effect.key"; body { id "=request.id" } }
        response "sent" at="=body.mail"
        idempotent key="=effect.key" for="24h"
    }
}
policy "site" owner="leads" { on "site.page.set" "site.page.create" "site.page.delete" "site.mail"; limit "all" count=1000 }
"#;

/// One page: its price is set, and a mail is sent where one is wanted.
pub(super) const CHANGE: &str = r#"
flow "change" {
    summary "Set a price"
    input "change"
    key "=input.id + ' ' + string(input.price)"
    act "set" on-denied="skip" { call "site.page.set" id="=input.id" price="=input.price" }
    act "mail" when="input.mail" { call "site.mail" id="=input.id" }
    output { set "=steps.set.ran" }
}
"#;

/// Prices by page.
pub(super) type Pages = Arc<Mutex<BTreeMap<String, String>>>;

pub(super) fn pages(of: &[(&str, &str)]) -> Pages {
    Arc::new(Mutex::new(of.iter().map(|(id, price)| ((*id).to_owned(), (*price).to_owned())).collect()))
}

pub(super) fn price(pages: &Pages, id: &str) -> Option<String> {
    pages.lock().unwrap().get(id).cloned()
}

/// The site's answers; `bend` may answer first.
pub(super) fn site(pages: &Pages, bend: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Arc<ScriptedConnectors> {
    let pages = pages.clone();
    Arc::new(ScriptedConnectors::new(move |request| {
        if let Some(reply) = bend(request) {
            return reply;
        }
        let field = |name: &str| request.request.get(name).cloned().unwrap_or(Value::Null);
        let id = field("id").as_str().unwrap_or_default().to_owned();
        let page = |price: &str| Reply::Done(Value::record([("id", Value::string(id.as_str())), ("price", money(price))]));
        let mut pages = pages.lock().unwrap();
        match request.operation.as_str() {
            "site.page.get" => match pages.get(&id) {
                Some(price) => page(price),
                None => Reply::Refused(failure("not-found", false)),
            },
            "site.page.set" | "site.page.create" => {
                let Value::Money(price) = field("price") else { return Reply::Refused(failure("refused", false)) };
                pages.insert(id.clone(), price.to_string());
                page(&price.to_string())
            }
            "site.page.delete" => {
                pages.remove(&id);
                Reply::Done(Value::record([("id", Value::string(id.as_str()))]))
            }
            _ => Reply::Done(Value::record([("id", Value::string(format!("m-{}", request.key)))])),
        }
    }))
}

pub(super) fn change(id: &str, price: &str) -> Value {
    Value::record([("id", Value::string(id)), ("price", money(price)), ("mail", Value::Bool(false))])
}

//! In whose name calls are made: the account that the environment names, of reads, effects, lookups and what was there before.

use super::world::*;
use crate::twin::{Reply, ScriptedConnectors};
use std::collections::BTreeSet;
use std::sync::Arc;
use tradewind_lang::value::Value;

const SHOP: &str = r#"
project "northfield" {
    currency "USD"
    environment "dev" {
        store "memory://"
        account "stock.main" domain="main.shop.example" token=(secret)"TOKEN"
        secret "TOKEN" env="TOKEN"
    }
}
team "leads" { member "ann@example.com" }
type "page" { field "id" string; field "title" string }
connector "stock" version="1" {
    account "shop" { field "domain" string; field "token" string secret }
    base-url "https://{{ account.domain }}" { hosts "*.shop.example" }
    header "X-Token" "=account.token"
    operation "get" effect=read {
        request { field "id" string }
        http GET "/pages/{id}"
        response "page" at="=body"
    }
    operation "set" effect=reversible {
        request { field "id" string; field "title" string }
        http PUT "/pages/{id}" { body { title "=request.title" } }
        response "page" at="=body"
        target "=request.id"
        idempotent natural
        before { call "get" id="=request.id" }
        undo { call "set" id="=request.id" title="=before.title" }
        lookup { call "get" id="=request.id"; done when="found.title == request.title" }
    }
}
policy "pages" owner="leads" { on "stock.set"; limit "all" count=100 }
flow "retitle" {
    summary "Give a page another title"
    input { field "id" string }
    observe "now" { call "stock.get" id="=input.id" }
    act "set" { call "stock.set" id="=input.id" title="='New ' + now.title" }
    output { title "=set.title" }
}
"#;

fn shop() -> Arc<ScriptedConnectors> {
    let page = |title: &str| Value::record([("id", Value::string("a")), ("title", Value::string(title))]);
    Arc::new(ScriptedConnectors::new(move |request| match (request.operation.as_str(), request.earlier) {
        ("stock.set", 0) => Reply::Lost(page("New old")),
        ("stock.get", 0 | 1) => Reply::Done(page("old")),
        _ => Reply::Done(page("New old")),
    }))
}

#[tokio::test]
async fn every_call_is_made_in_the_name_of_the_account_that_the_environment_names() {
    let world = World::new(plan(&[SHOP]), shop());
    assert_eq!(world.plan.not_runnable(&world.plan.flows["retitle"]), []);
    let engine = world.open().await;
    let run = engine.start("retitle", Value::record([("id", Value::string("a"))]), "test").await.unwrap().run_id;
    world.settle(&engine).await;
    assert_eq!(engine.run(&run).await.unwrap().unwrap().summary.output.get("title"), Some(&Value::string("New old")));
    let requests = world.connectors.requests();
    let operations: Vec<&str> = requests.iter().map(|request| request.operation.as_str()).collect();
    assert_eq!(operations, ["stock.get", "stock.get", "stock.set", "stock.get"], "read, before, effect, lookup");
    let accounts: BTreeSet<Option<&str>> = requests.iter().map(|request| request.account.as_deref()).collect();
    assert_eq!(accounts, BTreeSet::from([Some("stock.main")]));
    let log = format!("{:?}", world.events(&engine).await);
    assert!(!log.contains("TOKEN") && !log.contains("main.shop.example"), "the log says what was done, and not how one gets in");
}

#[tokio::test]
async fn of_several_accounts_nobody_said_which_is_meant_and_nothing_begins() {
    let two =
        SHOP.replace("secret \"TOKEN\"", "account \"stock.other\" domain=\"other.shop.example\" token=(secret)\"TOKEN\"; secret \"TOKEN\"");
    let plan = plan(&[&two]);
    let lacks: Vec<String> = plan.not_runnable(&plan.flows["retitle"]).into_iter().map(|lacking| lacking.what).collect();
    assert_eq!(lacks, ["several accounts of a connector"; 2]);
}

//! In whose name calls are made: the account that the environment names, of reads, effects, lookups and what was there before.

use super::world::*;
use crate::history::Which;
use crate::replay::replay;
use crate::summary::RunStatus;
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

/// Two shops of one connector: a flow writes into the one that its input names, and reads from the other.
fn two() -> String {
    let second = "account \"stock.other\" domain=\"other.shop.example\" token=(secret)\"TOKEN\"; secret \"TOKEN\"";
    let shops = SHOP
        .replace("secret \"TOKEN\"", second)
        .replace("input { field \"id\" string }\n", "input { field \"id\" string; field \"shop\" string }\n");
    shops
        .replace("observe \"now\" {", "observe \"now\" account=\"main\" {")
        .replace("act \"set\" {", "act \"set\" account=\"=input.shop\" {")
        .replace("idempotent natural\n", "idempotent natural\n        unique \"=request.id\"\n")
}

fn into(shop: &str) -> Value {
    Value::record([("id", Value::string("a")), ("shop", Value::string(shop))])
}

fn accounts(world: &World) -> Vec<(String, String)> {
    let sent = world.connectors.requests().into_iter();
    sent.map(|request| (request.operation, request.account.unwrap_or_default())).collect()
}

#[tokio::test]
async fn of_several_accounts_each_step_names_its_own_and_it_is_taken_back_in_the_same_name() {
    let world = World::new(plan(&[&two()]), shop());
    assert_eq!(world.plan.not_runnable(&world.plan.flows["retitle"]), []);
    let engine = world.open().await;
    let run = engine.start("retitle", into("other"), "test").await.unwrap().run_id;
    world.settle(&engine).await;
    assert_eq!(engine.run(&run).await.unwrap().unwrap().summary.status, RunStatus::Completed);
    let named = |operation: &str, account: &str| (operation.to_owned(), format!("stock.{account}"));
    let done = [named("stock.get", "main"), named("stock.get", "other"), named("stock.set", "other"), named("stock.get", "other")];
    assert_eq!(accounts(&world), done, "read, before, effect, lookup");
    let before = accounts(&world).len();
    let reversals = engine.plan_undo(&Which { run: Some(run), ..Which::default() }).await.unwrap();
    engine.undo(&reversals, "ann@example.com", "a test").await.unwrap();
    world.settle(&engine).await;
    let back: BTreeSet<String> = accounts(&world).split_off(before).into_iter().map(|(_, account)| account).collect();
    assert_eq!(back, BTreeSet::from(["stock.other".to_owned()]));
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

/// A provider that does what it is asked, and remembers nothing.
fn plain() -> Arc<ScriptedConnectors> {
    let page = |title: &str| Value::record([("id", Value::string("a")), ("title", Value::string(title))]);
    Arc::new(ScriptedConnectors::new(move |request| Reply::Done(page(if request.operation == "stock.get" { "old" } else { "New old" }))))
}

#[tokio::test]
async fn the_same_page_of_another_shop_is_another_page_and_has_a_business_key_of_its_own() {
    let world = World::new(plan(&[&two()]), plain());
    let engine = world.open().await;
    for shop in ["other", "main"] {
        let run = engine.start("retitle", into(shop), "test").await.unwrap().run_id;
        world.settle(&engine).await;
        assert_eq!(engine.run(&run).await.unwrap().unwrap().summary.status, RunStatus::Completed, "{shop}");
    }
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn an_account_that_the_environment_does_not_have_is_called_by_nobody() {
    let world = World::new(plan(&[&two()]), shop());
    let engine = world.open().await;
    let run = engine.start("retitle", into("third"), "test").await.unwrap().run_id;
    world.settle(&engine).await;
    let summary = engine.run(&run).await.unwrap().unwrap().summary;
    assert_eq!(summary.failure.unwrap().message, "the environment has no account `stock.third`");
    assert_eq!(accounts(&world), [("stock.get".to_owned(), "stock.main".to_owned())]);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_fork_in_another_name_is_another_effect_and_asks() {
    let world = World::new(plan(&[&two()]), plain());
    let engine = world.open().await;
    let run = engine.start("retitle", into("other"), "test").await.unwrap().run_id;
    world.settle(&engine).await;
    for (shop, status) in [("other", RunStatus::Completed), ("main", RunStatus::Waiting)] {
        let planned = engine.plan_fork(&run, None, Some(into(shop))).await.unwrap();
        let forked = engine.fork(planned, "ops@example.com").await.unwrap().run_id;
        world.settle(&engine).await;
        assert_eq!(engine.run(&forked).await.unwrap().unwrap().summary.status, status, "{shop}");
    }
    let asked = engine.approvals().await.unwrap().remove(0).approval;
    assert_eq!(asked.rules, ["fork"]);
    assert!(asked.shown.contains(&("account".to_owned(), Value::string("main"))), "{:?}", asked.shown);
    assert_eq!(accounts(&world).iter().filter(|(operation, _)| operation == "stock.set").count(), 1);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_policy_counts_by_the_account() {
    let counted = two()
        .replace("limit \"all\" count=100", "limit \"all\" count=1 by=\"=action.account.or('')\"")
        .replace("        unique \"=request.id\"\n", "");
    let world = World::new(plan(&[&counted]), plain());
    let engine = world.open().await;
    let mut denied = Vec::new();
    for (id, shop) in [("a", "other"), ("a", "main"), ("b", "other")] {
        let input = Value::record([("id", Value::string(id)), ("shop", Value::string(shop))]);
        let run = engine.start("retitle", input, "test").await.unwrap().run_id;
        world.settle(&engine).await;
        denied.push(engine.run(&run).await.unwrap().unwrap().summary.status == RunStatus::Failed);
    }
    assert_eq!(denied, [false, false, true], "one for each shop");
    replay(&*world.log, 0).await.unwrap();
}

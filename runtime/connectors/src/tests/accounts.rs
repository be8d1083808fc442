//! In whose name a call is made: where it goes, what it carries, and what is never told.

use super::provider::Provider;
use super::support::{Folder, Running, call_of, compiled, failure, http, options};
use crate::{HttpConnectors, OpenSecret};
use serde_json::json;
use std::sync::{Arc, Mutex};
use tradewind_engine::ports::{Call, CallOutcome, Connectors, Whose};
use tradewind_lang::plan::Plan;

/// A connector whose accounts say where they are and let in by a token.
fn plan(port: &str) -> Plan {
    let text = r#"
project "example" {
    currency "USD"
    environment "dev" {
        store "memory://"
        account "stock.main" port="PORT" token=(secret)"TOKEN"
        secret "TOKEN" env="TOKEN"
    }
}
connector "stock" version="1" {
    account "shop" { field "port" string; field "token" string secret; field "shelf" string default="A" }
    base-url "http://127.0.0.1:{{ account.port }}/api" { hosts "127.0.0.1" }
    header "Authorization" "='Bearer ' + account.token"
    failure "closed" when="status == 418" message="=body.why" retry=#false
    operation "get" effect=read {
        request { field "id" string }
        http GET "/items/{id}" { query { shelf "=account.shelf" } }
        response json
        batch max=10 wait="1s" {
            http POST "/items" safe=#true { query { shelf "=account.shelf" }; body { ids "=requests.map(r, r.id)" } }
            failed "=[]" as="e" index="=0"
            answered "=body.items"
        }
    }
}"#;
    compiled(&[], &text.replace("PORT", port))
}

fn call(plan: &Plan) -> Call {
    let account = &plan.project.accounts["stock.main"];
    let account = Whose { name: "stock.main".to_owned(), fields: account.fields.clone() };
    Call { account: Some(Arc::new(account)), ..call_of(plan, "stock.get", &json!({ "id": "a" }), "") }
}

/// Opens one secret, and notes which were asked for.
fn opening(secret: &'static str) -> (OpenSecret, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let notes = asked.clone();
    let open = move |name: &str| {
        notes.lock().unwrap().push(name.to_owned());
        (name == "TOKEN").then(|| secret.to_owned())
    };
    (Arc::new(open), asked)
}

fn knowing(secret: &'static str) -> HttpConnectors {
    http().with_secrets(opening(secret).0)
}

#[tokio::test]
async fn a_call_goes_to_its_account_and_carries_its_secret() {
    let provider = Provider::answering("200 OK", "Content-Type: application/json\r\n", r#"{"items": [1, 2]}"#).await;
    let plan = plan(provider.url.rsplit(':').next().unwrap());
    let connectors = knowing("s3cret-token");
    assert!(matches!(connectors.call(call(&plan)).await, CallOutcome::Answered(_)));
    let outcomes = connectors.call_together(vec![call(&plan), call(&plan)]).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, CallOutcome::Answered(_))), "{outcomes:?}");
    let heard = provider.heard();
    assert!(heard[0].starts_with("GET /api/items/a?shelf=A HTTP/1.1"), "{heard:?}");
    assert!(heard[1].starts_with("POST /api/items?shelf=A HTTP/1.1"), "{heard:?}");
    assert!(heard.iter().all(|request| request.to_lowercase().contains("authorization: bearer s3cret-token\r\n")), "{heard:?}");
}

#[tokio::test]
async fn no_message_tells_a_secret_of_the_account() {
    let provider = Provider::answering("418 Closed", "", r#"{"why": "s3cret-token is not known"}"#).await;
    let plan = plan(provider.url.rsplit(':').next().unwrap());
    let connectors = knowing("s3cret-token");
    assert_eq!(failure(connectors.call(call(&plan)).await).message, "[secret] is not known");
    assert!(!format!("{:?} {connectors:?}", call(&plan)).contains("s3cret"));
}

#[tokio::test]
async fn without_its_account_or_its_secret_nothing_is_sent() {
    let provider = Provider::answering("200 OK", "", "{}").await;
    let plan = plan(provider.url.rsplit(':').next().unwrap());
    let connectors = knowing("s3cret-token");
    let nobody = failure(connectors.call(Call { account: None, ..call(&plan) }).await);
    assert_eq!((nobody.code.as_str(), nobody.retry), ("account", false));
    assert_eq!(nobody.message, "the environment does not say which account of stock it is");
    let closed = failure(http().call(call(&plan)).await);
    assert_eq!(closed.message, "the secret `TOKEN` of the account stock.main cannot be read");
    assert_eq!(failure(http().call_together(vec![call(&plan)]).await.remove(0)).code, "account");
    assert_eq!(provider.seen(), 0);
}

#[tokio::test]
async fn an_account_leads_nowhere_but_to_the_declared_hosts() {
    let connectors = knowing("s3cret-token");
    let mut plan = plan("1");
    let connector = Arc::make_mut(plan.connectors.get_mut("stock").unwrap());
    connector.hosts = vec!["*.shop.example".to_owned()];
    let refused = failure(connectors.call(call(&plan)).await);
    assert_eq!((refused.code.as_str(), refused.message.as_str()), ("egress", "`127.0.0.1` is not among the connector's declared hosts"));
}

#[tokio::test]
async fn a_twin_gets_nobodys_secret() {
    let folder = Folder::new();
    let twin = Running::start(&options(&folder.file("ledger.jsonl"))).await;
    let (open, asked) = opening("s3cret-token");
    let connectors = twin.connectors().with_secrets(open);
    let outcome = connectors.call(call(&plan("1"))).await;
    assert_eq!(failure(outcome).code, "http-404", "it was sent, and the twin has no such shop");
    assert_eq!(*asked.lock().unwrap(), Vec::<String>::new());
}

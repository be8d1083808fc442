//! What a connector's contract says beside plain calls: accounts, rate limits, GraphQL, pages, undo, webhooks, contracts.

use super::{Batch, Bindings, Micros};
use crate::expr::Expr;
use crate::template::Template;
use crate::ty::Field;
use crate::value::Value;
use serde::{Deserialize, Serialize};

/// Terms of a connector.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ConnectorTerms {
    /// Fields of its accounts; scope `account` everywhere in it.
    pub account: Vec<Field>,
    /// The address of an account, where it differs from account to account.
    pub base_url: Option<Template>,
    /// Names of fields are written so by the provider: `camel`, or as they are.
    pub naming: Option<String>,
    /// At most so many calls at once.
    pub in_flight: Option<u32>,
    /// Where GraphQL is answered.
    pub graphql_path: Option<String>,
    /// How the provider writes money.
    pub money: Option<MoneyForm>,
    /// A bucket of calls or costs.
    pub rate_limit: Option<RateLimit>,
    /// How events come.
    pub webhooks: Vec<Webhook>,
    /// What the provider was seen to answer.
    pub contracts: Vec<Contract>,
    /// What it says is a partner's word, and not that of a system of our own.
    #[serde(default)]
    pub partner: bool,
}

/// How a provider writes money.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MoneyForm {
    /// `decimal string` or `minor units`.
    pub form: String,
    /// The currency; scope: `account`. Beside the amount where absent.
    pub currency: Option<Expr>,
}

/// A bucket of calls or costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateLimit {
    /// It holds so much.
    pub capacity: u32,
    /// So much comes back.
    pub refill: u32,
    /// In so long.
    pub per: Micros,
    /// What a call took, by its answer; scope: `status`, `headers`, `body`.
    pub used: Option<Expr>,
    /// What is left, by its answer; the same scope.
    pub left: Option<Expr>,
}

/// How events come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    /// The end of the address.
    pub path: String,
    /// The header that holds the signature.
    pub header: String,
    /// `sha256` or `sha1`.
    pub hmac: String,
    /// `base64` or `hex`.
    pub encoding: String,
    /// The secret; scope: `account`.
    pub secret: Expr,
    /// What tells deliveries apart; scope: `headers`, `body`.
    pub id: Expr,
    /// When it was sent, and how old it may be; the same scope.
    pub at: Option<(Expr, Option<Micros>)>,
    /// Whose it is; the same scope.
    pub account: Option<Expr>,
}

/// What the provider was seen to answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contract {
    /// Name, a sentence.
    pub name: String,
    /// What is sent.
    pub given: ContractGiven,
    /// The status that comes back.
    pub status: u16,
    /// The body that comes back: a text.
    pub body: String,
    /// Conditions; scope: `response`, or `items` with `ok`, `response`, and `code` and `message` that are empty where it is well.
    pub expect: Vec<Expr>,
    /// The code of the refusal that is expected.
    pub refused: Option<String>,
}

/// What is sent in a contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ContractGiven {
    /// One call.
    Call {
        /// Full name of the operation.
        operation: String,
        /// Its request.
        request: Vec<(String, Value)>,
    },
    /// Several at once.
    Batch {
        /// Full name of the operation.
        operation: String,
        /// Their requests.
        requests: Vec<Vec<(String, Value)>>,
    },
    /// A delivery.
    Webhook {
        /// Its headers: JSON.
        headers: String,
        /// Its body: JSON.
        body: String,
    },
}

/// Terms of an operation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OperationTerms {
    /// What a call takes from the bucket; 1 where absent.
    pub cost: Option<u32>,
    /// A query, and its variables; scope: `request`, `effect`. Variables are the request's fields where none are given.
    pub graphql: Option<Graphql>,
    /// Fields of the response that are not at a place of their own name; scope: `it`.
    pub response: Bindings,
    /// How the rest of a long answer is read.
    pub pages: Option<Pages>,
    /// How several calls go out as one.
    pub batch: Option<Batch>,
    /// What is read before a write, for policies and for taking it back.
    pub before: Option<Before>,
    /// The call that takes it back.
    pub undo: Option<UndoCall>,
}

/// A GraphQL query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Graphql {
    /// The text.
    pub query: String,
    /// Its variables.
    pub variables: Bindings,
}

/// How the rest of a long answer is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pages {
    /// The parameter that names the next page.
    pub send: String,
    /// Its value, by the page before; scope: `status`, `headers`, `body`.
    pub next: Expr,
    /// Whether there is one; the same scope. There is while `next` has a value where absent.
    pub more: Option<Expr>,
    /// At most so many.
    pub max: u32,
}

/// What is read before a write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Before {
    /// Full name of a read operation.
    pub operation: String,
    /// Its request; scope: `request`.
    pub request: Bindings,
    /// A read for several writes at once: operation, request (scope: `requests`), and the field by which answers are told apart.
    pub batch: Option<(String, Bindings, String)>,
}

/// The call that takes an effect back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UndoCall {
    /// Full name of a write operation.
    pub operation: String,
    /// Its request; scope: `request`, `before`, `response`.
    pub request: Bindings,
}

impl ConnectorTerms {
    /// Words for what it says that goes beyond plain calls; of use where that is not built.
    #[must_use]
    pub fn beyond(&self) -> Vec<&'static str> {
        let given = [(self.naming.is_some(), "`naming`"), (self.money.is_some(), "`money-as`")];
        given.into_iter().filter(|(given, _)| *given).map(|(_, word)| word).collect()
    }
}

impl OperationTerms {
    /// The same of an operation.
    #[must_use]
    pub fn beyond(&self) -> Vec<&'static str> {
        let given = [
            (self.graphql.is_some(), "`graphql`"),
            (!self.response.is_empty(), "fields of `response`"),
            (self.pages.is_some(), "`pages`"),
            (self.batch.as_ref().is_some_and(|batch| batch.graphql.is_some()), "`batch` by `graphql`"),
        ];
        given.into_iter().filter(|(given, _)| *given).map(|(_, word)| word).collect()
    }
}

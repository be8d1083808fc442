//! What one call of a model costs: tokens read and written, images, seconds, and the call itself. A byte of text counts as a token,
//! as budgets are reserved so; a text whose size nothing says counts as all that the model can read.

use super::names::Names;
use super::size;
use super::spend::Spend;
use crate::expr::{Expr, Tree};
use crate::plan::{MODEL_TIMEOUT, Model, Remote, Talk};
use crate::ty::Ty;
use crate::value::Value;

/// Tokens beside the text: roles, the shape of the answer, the list of tools.
pub(super) const FRAME: u64 = 2_048;

/// What is said to a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    /// Bytes of text at most.
    pub(super) bytes: Option<u64>,
    /// Images at most.
    pub(super) images: Option<u64>,
    /// Whether the answer is an image.
    pub(super) draws: bool,
}

impl Said {
    /// A text.
    pub(super) fn text(bytes: Option<u64>) -> Self {
        Self { bytes, images: Some(0), draws: false }
    }

    /// A conversation.
    pub(super) fn talk(names: &Names<'_>, talk: &Talk, draws: bool) -> Self {
        let pairs = talk.examples.iter().flat_map(|(said, answered)| [said, answered]);
        let texts = talk.prompt.iter().chain(&talk.system).chain(&talk.user).chain(pairs);
        let text = texts.map(|template| size::of_template(names, template)).try_fold(0_u64, |sum, size| Some(sum.saturating_add(size?)));
        // How many turns there were, and how long, nothing says.
        let bytes = text.filter(|_| talk.history.is_none());
        let images = talk.images.iter().map(count).try_fold(0_u64, |sum, count| Some(sum.saturating_add(count?)));
        Self { bytes, images, draws }
    }
}

/// How many images an expression gives at most.
fn count(image: &Expr) -> Option<u64> {
    match (&image.root, &image.ty) {
        (Tree::Constant(Value::List(items)), _) => u64::try_from(items.len()).ok(),
        (Tree::List(items), _) => u64::try_from(items.len()).ok(),
        (_, Ty::List(_) | Ty::Map(_)) => None,
        _ => Some(1),
    }
}

/// A call with its repairs: what was answered, and what is wrong with it, is read again each time.
pub(super) fn call(model: &Model, said: Said, repairs: u32) -> Result<Spend, String> {
    let Some(remote) = &model.remote else { return Ok(Spend::from(model.price)) };
    let mut sum = Spend::default();
    let written = written(model, remote, said.draws)?;
    for repair in 0..=u64::from(repairs) {
        let again = repair.saturating_mul(written.saturating_add(FRAME));
        let context = u64::from(remote.context);
        // An image is as many tokens as its provider says, which nobody declares.
        let bytes = said.bytes.filter(|_| said.images == Some(0));
        let read = bytes.map_or(context, |bytes| bytes.saturating_add(FRAME).saturating_add(again).min(context));
        sum = sum.plus(&once(model, remote, said, read, written)?);
    }
    Ok(sum)
}

fn written(model: &Model, remote: &Remote, draws: bool) -> Result<u64, String> {
    match remote.max_output {
        Some(most) => Ok(u64::from(most)),
        None if remote.prices.output.is_none() || draws => Ok(0),
        None => Err(format!("asks `{}`, which declares no `max-output`", model.name)),
    }
}

fn once(model: &Model, remote: &Remote, said: Said, read: u64, written: u64) -> Result<Spend, String> {
    let prices = &remote.prices;
    let tokens = |price: Option<(crate::money::Money, u64)>, count: u64| {
        price.map_or_else(Spend::default, |(price, per)| Spend::of(price, count, per))
    };
    // What the provider had kept is cheaper; where it is not, it is not kept.
    let mut sum = tokens(prices.input, read).plus(&tokens(prices.output, written));
    sum = prices.call.map_or_else(|| sum.clone(), |call| sum.clone().plus(&Spend::from(call)));
    if let Some(image) = prices.image {
        let images = said.images.ok_or_else(|| format!("gives `{}` a list of images without an end", model.name))?;
        sum = sum.plus(&Spend::of(image, images.saturating_add(u64::from(said.draws)), 1));
    }
    if let Some(second) = prices.second {
        sum = sum.plus(&Spend::of(second, u64::try_from(MODEL_TIMEOUT).unwrap_or(0), 1_000_000));
    }
    Ok(sum)
}

/// What is reserved for one call at the very least: the text that is always there, and the longest answer.
pub(super) fn least(model: &Model, always: u64, draws: bool) -> Spend {
    let Some(remote) = &model.remote else { return Spend::from(model.price) };
    let said = Said { bytes: Some(0), images: Some(0), draws };
    let free = Remote { prices: crate::plan::Prices { second: None, ..remote.prices.clone() }, ..remote.clone() };
    let read = always.min(u64::from(remote.context));
    once(model, &free, said, read, u64::from(remote.max_output.unwrap_or(0))).unwrap_or_default()
}

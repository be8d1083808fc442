//! The finder: an index for each memory and subject that somebody looked in, made up to date before each answer. Where a memory names
//! another model, or its model has become another one, the old index answers until all vectors of the new one are there.

use crate::check::{Checks, compare_bytes};
use crate::partition::Partition;
use crate::renewal::Renewal;
use crate::vector::Quantized;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use tradewind_engine::finding::{Checked, Finder, Ranked, Renewing, Sought, Unfound, meaning_of};
use tradewind_engine::memory::{Fact, FactId};
use tradewind_engine::ports::{BoxFuture, Embedded};
use tradewind_engine::vectors::{For, UNFIT, Vectors, batch_of};
use tradewind_lang::plan::{Memory, Model};

/// Most indexes that are kept; those that were not used for longest go.
const MOST: usize = 4_096;
/// So many texts are embedded at once by a model of this process; one behind a network says how many.
const BATCH: (usize, usize) = (1_024, usize::MAX);
/// So long after somebody was forgotten, a look that began before may come to its end.
const WHILE: Duration = Duration::from_secs(600);
/// More facts than these are ranked on a thread that may take its time.
const FEW: usize = 2_000;

/// Which index: the memory, what of it is indexed, and whose facts.
type Key = (String, String, Option<Arc<str>>);

/// A text, and what tells its vectors by a model apart.
type Said = ([u8; 32], Arc<str>);

#[derive(Default)]
struct Kept {
    partitions: HashMap<Key, (Arc<Turn<Partition>>, u64)>,
    /// Vectors by model and text.
    vectors: HashMap<[u8; 32], Arc<Quantized>>,
    /// Vectors of another model that are being made.
    renewals: HashMap<Key, Renewal>,
    uses: u64,
    /// How it compared with brute force.
    checks: Checks,
    /// Facts of people who were forgotten a moment ago: who looks just now may still have them before him.
    recent: Vec<(Instant, Arc<str>, FactId)>,
}

impl Kept {
    fn partition(&mut self, key: &Key) -> Arc<Turn<Partition>> {
        self.uses += 1;
        let uses = self.uses;
        if !self.partitions.contains_key(key) && self.partitions.len() >= MOST {
            let oldest = self.partitions.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
            oldest.into_iter().for_each(|key| drop(self.partitions.remove(&key)));
            self.drop_unused();
        }
        let (partition, used) = self.partitions.entry(key.clone()).or_default();
        *used = uses;
        partition.clone()
    }

    fn drop_unused(&mut self) {
        self.vectors.retain(|_, vector| Arc::strong_count(vector) > 1);
    }
}

/// Ranks facts by words and by vectors of a model.
#[derive(Default)]
pub struct Ranker {
    kept: Arc<Mutex<Kept>>,
}

impl Ranker {
    /// How many indexes, facts in them and vectors are kept.
    pub async fn size(&self) -> (usize, usize, usize) {
        let (partitions, vectors) = {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            (kept.partitions.values().map(|(partition, _)| partition.clone()).collect::<Vec<_>>(), kept.vectors.len())
        };
        let mut facts = 0;
        for partition in &partitions {
            facts += partition.lock().await.len();
        }
        (partitions.len(), facts, vectors)
    }

    async fn rank(&self, sought: Sought) -> Result<Ranked, Unfound> {
        let embeds = sought.memory.terms.embed.is_some();
        let key = key_of(&sought);
        let partition = match sought.is_present {
            true => self.kept.lock().unwrap_or_else(PoisonError::into_inner).partition(&key),
            // What is known no more is indexed for this one answer.
            false => Arc::default(),
        };
        let mut partition = partition.lock_owned().await;
        let wanted = if embeds { Some(self.serving(&key, &sought, &partition).await?) } else { None };
        let by = wanted.as_ref().map_or_else(String::new, |(by, _)| by.clone());
        let (model, many) = (name_of(&sought), sought.facts.len());
        // What it answers fits the index, or nothing of either is touched.
        let width = wanted.as_ref().and_then(|(_, vector)| Some(vector.as_ref()?.width()));
        let held = partition.width().filter(|_| partition.by == by);
        check_width(&model, held, width.into_iter())?;
        // Vectors of another model say nothing to this one.
        let before = (partition.by != by).then(|| std::mem::replace(&mut *partition, Partition::by(&by, sought.model.clone())));
        let asked = partition.model.clone();
        let due = partition.compare(&sought.facts);
        let missing: Vec<Arc<Fact>> = due.missing.iter().filter_map(|place| sought.facts.get(*place)).cloned().collect();
        let vectors = match embeds {
            true => match self.vectors((&sought, asked), (&by, width.or(held)), &missing).await {
                Ok(vectors) => vectors,
                // The one before goes on, whole.
                Err(why) => {
                    before.into_iter().for_each(|before| *partition = before);
                    return Err(why);
                }
            },
            false => vec![None; missing.len()],
        };
        drop(missing);
        let is_renewed = before.is_some();
        drop(before);
        let is_same = due.is_nothing();
        let compares = match &wanted {
            Some((_, Some(_))) => self.kept.lock().unwrap_or_else(PoisonError::into_inner).checks.is_due(&sought.memory.name),
            _ => None,
        };
        let work = move || {
            partition.update(&sought.memory, &sought.facts, &due, vectors);
            let vector = wanted.and_then(|(_, vector)| vector);
            let hits = best(&partition, (&sought, is_same), vector.as_ref());
            let agrees = compares.zip(vector).map(|(number, vector)| partition.agrees(&vector, number));
            (hits, agrees, partition, sought)
        };
        let (hits, agrees, mut partition, sought): (_, _, OwnedMutexGuard<Partition>, Sought) = match many <= FEW {
            true => work(),
            false => tokio::task::spawn_blocking(work).await.map_err(|error| Unfound::from(format!("nothing was ranked: {error}")))?,
        };
        self.done((&key, &by), (agrees, is_renewed), &sought, &mut partition);
        drop(partition);
        let named = if by.is_empty() { "words".to_owned() } else { format!("words and vectors of {}", by.get(..12).unwrap_or(&by)) };
        Ok(Ranked { hits, by: named.into() })
    }

    /// An index was looked in: a renewal may be over, somebody may have been forgotten meanwhile.
    fn done(&self, (key, by): (&Key, &str), (agrees, is_renewed): (Option<bool>, bool), sought: &Sought, partition: &mut Partition) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        agrees.into_iter().for_each(|agrees| kept.checks.note(&sought.memory.name, agrees));
        if kept.renewals.get(key).is_some_and(|renewal| renewal.by == by) {
            kept.renewals.remove(key);
        }
        let recent: HashSet<FactId> =
            kept.recent.iter().filter(|(_, memory, _)| **memory == *sought.memory.name).map(|(.., id)| *id).collect();
        if recent.is_empty() && is_renewed {
            // Vectors of the model before.
            kept.drop_unused();
        } else if recent.is_empty() {
            kept.drop_unused_if_many(sought.facts.len());
        } else {
            partition.forget(&recent);
            kept.drop_unused();
        }
    }

    /// The vector of what is looked for, by the model that answers: that of the memory or, while most vectors of that one are still
    /// to be made, the one before.
    async fn serving(&self, key: &Key, sought: &Sought, partition: &Partition) -> Result<Asked, Unfound> {
        let asked = embed_query(sought, sought.model.clone()).await;
        let has_old = sought.is_present && partition.len() > 0;
        match &asked {
            Ok(asked @ (by, _)) if has_old && partition.by != *by && self.missing(sought, by) > batch(sought.model.as_deref()).0 => {
                self.renew(key, sought, asked);
            }
            Err(_) if has_old => {}
            _ => return asked,
        }
        match embed_query(sought, partition.model.clone()).await {
            Ok((by, vector)) if by == partition.by => Ok((by, vector)),
            // Nobody can ask the model before any more.
            _ => asked,
        }
    }

    /// How many facts say what was not embedded by a model yet.
    fn missing(&self, sought: &Sought, by: &str) -> usize {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let texts = sought.facts.iter().filter_map(|fact| meaning_of(&sought.memory, fact));
        texts.filter(|text| !kept.vectors.contains_key(&digest(by, text))).count()
    }

    /// Makes the vectors of another model, beside everything else, where that is not under way.
    fn renew(&self, key: &Key, sought: &Sought, (by, vector): &Asked) {
        let begun = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.renewals.entry(key.clone()).or_default().begin(by, sought.facts.len())
        };
        let Some(turn) = begun else { return };
        let (vectors, kept, key, by) = (sought.vectors.clone(), self.kept.clone(), key.clone(), by.clone());
        let width = vector.as_ref().map(Quantized::width);
        let (model, memory, facts) = (sought.model.clone(), sought.memory.clone(), sought.facts.clone());
        tokio::spawn(async move {
            let made = make(&vectors, &kept, (&key, turn, &by, width), (model, &memory, &facts)).await;
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.renewals.get_mut(&key).into_iter().for_each(|renewal| renewal.end(turn, made.clone().map_err(String::from)));
        });
    }

    /// Vectors of facts: those of texts that were met before are not made again.
    async fn vectors(
        &self,
        (sought, model): (&Sought, Option<Arc<Model>>),
        (by, mut width): (&str, Option<usize>),
        facts: &[Arc<Fact>],
    ) -> Result<Vec<Option<Arc<Quantized>>>, Unfound> {
        let mut found: Vec<Option<Arc<Quantized>>> = vec![None; facts.len()];
        // Texts that several facts say are embedded once.
        let mut open: Vec<([u8; 32], Vec<usize>)> = Vec::new();
        let mut places: HashMap<[u8; 32], usize> = HashMap::new();
        {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            for ((place, fact), found) in facts.iter().enumerate().zip(&mut found) {
                let Some(text) = meaning_of(&sought.memory, fact) else { continue };
                let digest = digest(by, text);
                match kept.vectors.get(&digest) {
                    // An index of the past has copies, so that the last one of a text that is forgotten is the one that is dropped.
                    Some(vector) if !sought.is_present => *found = Some(Arc::new(Quantized::clone(vector))),
                    Some(vector) => *found = Some(vector.clone()),
                    None => {
                        let at = *places.entry(digest).or_insert(open.len());
                        match open.get_mut(at) {
                            Some((_, places)) => places.push(place),
                            None => open.push((digest, vec![place])),
                        }
                    }
                }
            }
        }
        let of = |(_, places): &([u8; 32], Vec<usize>)| meaning_of(&sought.memory, facts.get(*places.first()?)?);
        let open: Vec<(Arc<str>, _)> = open.into_iter().map(|entry| (of(&entry).unwrap_or_default().into(), entry)).collect();
        for batch in batches(&open, |(text, _)| text.len(), batch(model.as_deref())) {
            let texts: Vec<Arc<str>> = batch.iter().map(|(text, _)| text.clone()).collect();
            let embedded = embed((&sought.vectors, &sought.memory, model.clone()), texts, (by, width)).await?;
            width = width.or(embedded.first().map(Vec::len));
            let sample = compare_bytes(&embedded);
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.checks.note_bytes(&sought.memory.name, sample);
            for ((_, (digest, places)), vector) in batch.iter().zip(embedded) {
                let Some(vector) = Quantized::of(&vector).map(Arc::new) else { continue };
                if sought.is_present {
                    kept.vectors.insert(*digest, vector.clone());
                }
                for place in places {
                    found.get_mut(*place).into_iter().for_each(|found| *found = Some(vector.clone()));
                }
            }
        }
        check_width(&told_of(model.as_deref()), width, found.iter().flatten().map(|vector| vector.width()))?;
        Ok(found)
    }
}

impl Kept {
    /// What no index holds any more goes from time to time; what is forgotten goes at once, and not here.
    fn drop_unused_if_many(&mut self, facts: usize) {
        if self.uses.is_multiple_of(256) || self.vectors.len() > facts.saturating_mul(4).max(16_384) {
            self.drop_unused();
        }
    }
}

/// Makes the vectors of facts by another model, a batch after the other; those of texts that were met before are there.
async fn make(
    vectors: &Vectors,
    kept: &Mutex<Kept>,
    (key, turn, by, mut width): (&Key, u64, &str, Option<usize>),
    (model, memory, facts): (Option<Arc<Model>>, &Memory, &[Arc<Fact>]),
) -> Result<(), Unfound> {
    let length = |fact: &Arc<Fact>| meaning_of(memory, fact).map_or(0, str::len);
    for facts in batches(facts, length, batch(model.as_deref())) {
        let said = |fact: &Arc<Fact>| (fact.id(), meaning_of(memory, fact).map(|text| (digest(by, text), text.into())));
        let texts: Vec<(FactId, Option<Said>)> = facts.iter().map(said).collect();
        let open: Vec<Said> = {
            let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            let said = texts.iter().filter_map(|(_, text)| text.clone());
            said.filter(|(digest, _)| !kept.vectors.contains_key(digest)).collect()
        };
        let made = match open.is_empty() {
            true => Vec::new(),
            false => {
                let texts = open.iter().map(|(_, text)| text.clone()).collect();
                embed((vectors, memory, model.clone()), texts, (by, width)).await?
            }
        };
        width = width.or(made.first().map(Vec::len));
        let sample = compare_bytes(&made);
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.checks.note_bytes(&memory.name, sample);
        let made: HashMap<[u8; 32], Arc<Quantized>> =
            open.iter().zip(made).filter_map(|((digest, _), vector)| Some((*digest, Arc::new(Quantized::of(&vector)?)))).collect();
        let of = |digest: [u8; 32]| made.get(&digest).or_else(|| kept.vectors.get(&digest)).cloned();
        let each: Vec<(FactId, Option<Arc<Quantized>>)> =
            texts.iter().map(|(fact, text)| (*fact, text.as_ref().and_then(|(digest, _)| of(*digest)))).collect();
        // Where somebody was forgotten meanwhile nothing of this batch is kept, and what is left of the work is somebody else's.
        if !kept.renewals.get_mut(key).is_some_and(|renewal| renewal.take(turn, each)) {
            return Ok(());
        }
        kept.vectors.extend(made);
    }
    Ok(())
}

/// Vectors of one model are of one length; where they are not, it became another one, or does not do what it says.
fn check_width(model: &str, wanted: Option<usize>, mut widths: impl Iterator<Item = usize>) -> Result<(), Unfound> {
    match wanted.and_then(|wanted| Some((wanted, widths.find(|width| *width != wanted)?))) {
        Some((wanted, width)) => Err(Unfound::coded(
            UNFIT,
            format!("{model} gave a vector of {width} numbers where {wanted} were expected, as those before have"),
        )),
        None => Ok(()),
    }
}

/// The model of a memory's vectors, for people.
fn name_of(sought: &Sought) -> String {
    told_of(sought.model.as_deref())
}

fn told_of(model: Option<&Model>) -> String {
    model.map_or_else(|| "the model of the program".to_owned(), |model| format!("the model `{}`", model.name))
}

/// How many texts go out together, and of how many bytes.
fn batch(model: Option<&Model>) -> (usize, usize) {
    model.filter(|model| model.remote.is_some()).map_or(BATCH, batch_of)
}

/// Parts of a list of so many things at most, and of so many bytes where each alone is not larger.
fn batches<T>(things: &[T], size: impl Fn(&T) -> usize, (most, bytes): (usize, usize)) -> Vec<&[T]> {
    let (mut parts, mut rest) = (Vec::new(), things);
    while !rest.is_empty() {
        let mut sum = 0_usize;
        let fits = rest.iter().take(most).take_while(|thing| {
            sum = sum.saturating_add(size(thing));
            sum <= bytes
        });
        let (part, left) = rest.split_at(fits.count().max(1));
        parts.push(part);
        rest = left;
    }
    parts
}

/// A model's digest, and the vector of what is looked for; none where it knows no word of that.
type Asked = (String, Option<Quantized>);

async fn embed_query(sought: &Sought, model: Option<Arc<Model>>) -> Result<Asked, Unfound> {
    let Embedded { vectors, by } = sought.vectors.embed(&sought.memory, model, vec![sought.query.clone()], For::Question).await?;
    Ok((by, vectors.first().and_then(|vector| Quantized::of(vector))))
}

/// Vectors of texts of facts: by that model, one for each, and of that length where one is known.
async fn embed(
    (vectors, memory, model): (&Vectors, &Memory, Option<Arc<Model>>),
    texts: Vec<Arc<str>>,
    (by, width): (&str, Option<usize>),
) -> Result<Vec<Vec<f32>>, Unfound> {
    let (many, name) = (texts.len(), told_of(model.as_deref()));
    let embedded = vectors.embed(memory, model, texts, For::Facts).await?;
    if embedded.by != by || embedded.vectors.len() != many {
        return Err(Unfound::from(format!("{name} gave {} vectors for {many} texts, or became another one", embedded.vectors.len())));
    }
    let wanted = width.or(embedded.vectors.first().map(Vec::len));
    check_width(&name, wanted, embedded.vectors.iter().map(Vec::len))?;
    Ok(embedded.vectors)
}

fn best(partition: &Partition, (sought, is_same): (&Sought, bool), vector: Option<&Quantized>) -> Vec<(usize, f64)> {
    let query = (!sought.memory.terms.fulltext.is_empty()).then_some(&*sought.query);
    partition.find_best((&sought.facts, &sought.passes, is_same), (query, vector), sought.most)
}

fn key_of(sought: &Sought) -> Key {
    let Memory { name, terms, .. } = &*sought.memory;
    // Not by which model: the index of another one takes the place of this when it is whole.
    let field = terms.embed.as_ref().map(|(field, _)| field);
    (name.clone(), format!("{field:?} {:?}", terms.fulltext), sought.subject.clone())
}

fn digest(by: &str, text: &str) -> [u8; 32] {
    let mut digest = blake3::Hasher::new();
    digest.update(&(by.len() as u64).to_be_bytes());
    digest.update(by.as_bytes());
    digest.update(text.as_bytes());
    *digest.finalize().as_bytes()
}

impl Finder for Ranker {
    fn find(&self, sought: Sought) -> BoxFuture<'_, Result<Ranked, Unfound>> {
        Box::pin(self.rank(sought))
    }

    fn checked(&self) -> Vec<Checked> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).checks.told()
    }

    fn renewing(&self) -> Vec<Renewing> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut renewing: Vec<Renewing> =
            kept.renewals.iter().map(|((memory, _, subject), renewal)| renewal.told(memory, subject.as_ref())).collect();
        renewing.sort_unstable_by(|one, other| (&one.memory, &one.subject).cmp(&(&other.memory, &other.subject)));
        renewing
    }

    fn forget(&self, gone: Vec<(Arc<str>, FactId)>) {
        let mut by_memory: HashMap<Arc<str>, HashSet<FactId>> = HashMap::new();
        for (memory, fact) in &gone {
            by_memory.entry(memory.clone()).or_default().insert(*fact);
        }
        let kept = self.kept.clone();
        let of = |key: &Key| by_memory.get(key.0.as_str()).cloned();
        let concerned: Vec<(Arc<Turn<Partition>>, HashSet<FactId>)> = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            kept.recent.retain(|(at, ..)| now.duration_since(*at) < WHILE);
            kept.recent.extend(gone.into_iter().map(|(memory, fact)| (now, memory, fact)));
            for (key, renewal) in &mut kept.renewals {
                of(key).into_iter().for_each(|facts| renewal.forget(&facts));
            }
            kept.partitions.iter().filter_map(|(key, (partition, _))| Some((partition.clone(), of(key)?))).collect()
        };
        // An index that somebody looks in just now is cleared when he is through.
        tokio::spawn(async move {
            for (partition, facts) in concerned {
                partition.lock().await.forget(&facts);
            }
            kept.lock().unwrap_or_else(PoisonError::into_inner).drop_unused();
        });
    }
}

//! Finding facts: how long it takes among many, whether bytes find what floats find, and how good words, vectors and both together are
//! on real data. Facts are those of the engine, the finder is the one that is shipped, the vectors are of the model that it carries.

use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use tradewind_bench::csv;
use tradewind_bench::latency::Latencies;
use tradewind_bench::machine;
use tradewind_bench::table::{Table, thousands};
use tradewind_engine::finding::{Finder, Sought};
use tradewind_engine::memory::Fact;
use tradewind_engine::ports::Models;
use tradewind_engine::vectors::Vectors;
use tradewind_lang::plan::{Memory, MemoryTerms};
use tradewind_lang::value::Value;
use tradewind_memory::{FLATNESS, Rank, Ranker, VECTORS, WORDS, fuse};
use tradewind_models::LocalModels;

/// Speed and quality of finding facts.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Time of a search among many facts, and how many of the ten nearest by floats are among the ten found.
    Speed {
        /// How many facts.
        #[arg(long, default_value_t = 100_000)]
        facts: usize,
        /// How many searches of each kind.
        #[arg(long, default_value_t = 200)]
        searches: usize,
        /// Sentences, one a line, the last field of it where tabs separate some: facts are pairs of them.
        #[arg(long, default_value = "flows/returns-triage/data/source/reviews.txt")]
        sentences: PathBuf,
    },
    /// Which weights of the two orders find best on one half of the questions, and how they do on the other.
    Fusion(Lists),
    /// Whether titles of one book list find the same book (by ISBN) in another one, and products are found by every other word of their names.
    Quality(Lists),
}

/// Real lists.
#[derive(Debug, clap::Args)]
struct Lists {
    /// A book list as CSV, with `Title` and `ISBN13`: it is searched.
    #[arg(long)]
    books: PathBuf,
    /// Another one: its titles are looked for.
    #[arg(long)]
    other: PathBuf,
    /// Order lines as CSV, with `Product Name`.
    #[arg(long)]
    products: PathBuf,
}

impl Lists {
    fn tasks(&self) -> Result<[Task; 2], String> {
        Ok([books(&self.books, &self.other)?, products(&self.products)?])
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| error.to_string());
    let measured = runtime.and_then(|runtime| match &arguments.what {
        What::Speed { facts, searches, sentences } => runtime.block_on(speed(*facts, *searches, sentences)),
        What::Fusion(lists) => runtime.block_on(fusion(lists)),
        What::Quality(lists) => runtime.block_on(quality(lists)),
    });
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn memory(words: bool, vectors: bool) -> Arc<Memory> {
    let fulltext = if words { vec!["text".to_owned()] } else { Vec::new() };
    let terms = MemoryTerms { fulltext, embed: vectors.then(|| ("text".to_owned(), None)), ..MemoryTerms::default() };
    let (name, record) = ("facts".to_owned(), "fact".to_owned());
    Arc::new(Memory { name, tier: "long-term".to_owned(), record, subject: String::new(), retention: None, cap: None, terms })
}

fn fact(seq: u64, text: &str) -> Arc<Fact> {
    Arc::new(Fact::new((seq, 0), 0, Value::record([("text", Value::string(text))])))
}

fn facts_of(texts: &[String]) -> Vec<Arc<Fact>> {
    texts.iter().zip(1..).map(|(text, seq)| fact(seq, text)).collect()
}

async fn find(
    asks: (&Ranker, &Vectors),
    memory: &Arc<Memory>,
    facts: &[Arc<Fact>],
    passes: &[bool],
    query: &str,
) -> Result<Vec<usize>, String> {
    found(asks, memory, facts, passes, (query, 10)).await
}

/// The best of them, at most so many.
async fn found(
    (ranker, vectors): (&Ranker, &Vectors),
    memory: &Arc<Memory>,
    facts: &[Arc<Fact>],
    passes: &[bool],
    (query, most): (&str, usize),
) -> Result<Vec<usize>, String> {
    let (facts, passes, memory, query) = (facts.to_vec(), passes.to_vec(), memory.clone(), query.into());
    let sought = Sought { memory, model: None, subject: None, query, most, facts, passes, is_present: true, vectors: vectors.clone() };
    Ok(ranker.find(sought).await?.hits.into_iter().map(|(place, _)| place).collect())
}

/// Pairs of sentences; none comes twice as long as there are fewer than the square of them.
fn pairs(sentences: &[String], many: usize, offset: usize) -> Vec<String> {
    let of = |place: usize| sentences.get(place % sentences.len()).map(String::as_str).unwrap_or_default();
    (0..many).map(|number| format!("{} {}", of(number), of(number * 7 + number / sentences.len() * 13 + offset))).collect()
}

async fn speed(many: usize, searches: usize, sentences: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(sentences).map_err(|error| format!("`{}`: {error}", sentences.display()))?;
    let lines: Vec<String> = text.lines().filter_map(|line| line.rsplit('\t').next()).map(str::to_owned).collect();
    let asked = lines.len() / 10;
    let (questions, sentences) = lines.split_at(asked);
    let facts = facts_of(&pairs(sentences, many, 1));
    let questions: Vec<&String> = questions.iter().cycle().take(searches).collect();
    let models: Arc<dyn Models> = Arc::new(LocalModels::new(".", std::env::temp_dir()));
    println!("{}\n", machine::described());
    let mut table = Table::new(&["index", "may be found", "first search, s", "p50, ms", "p95, ms", "p99, ms", "recall@10"]);
    for (index, words, vectors) in [("vectors", false, true), ("words", true, false), ("words and vectors", true, true)] {
        let (ranker, asked, memory) = (Ranker::default(), Vectors::of_process(models.clone()), memory(words, vectors));
        let begun = Instant::now();
        find((&ranker, &asked), &memory, &facts, &vec![true; facts.len()], "anything").await?;
        let first = begun.elapsed().as_secs_f64();
        for (share, every) in [("all", 1), ("1 of 10", 10), ("1 of 100", 100)] {
            let passes: Vec<bool> = (0..facts.len()).map(|place| place % every == 0).collect();
            let (mut took, mut found) = (Vec::new(), Vec::new());
            for question in &questions {
                let begun = Instant::now();
                found.push(find((&ranker, &asked), &memory, &facts, &passes, question).await?);
                took.push(begun.elapsed());
            }
            let recall = match (words, vectors) {
                (false, true) => format!("{:.4}", recall(&*models, &facts, &passes, &questions, &found).await?),
                _ => "-".to_owned(),
            };
            let took = Latencies::of(took);
            let millis = |hundredths| format!("{:.1}", took.percentile(hundredths).as_secs_f64() * 1e3);
            table.row([
                index.to_owned(),
                format!("{share} of {}", thousands(facts.len() as f64)),
                format!("{first:.1}"),
                millis(50),
                millis(95),
                millis(99),
                recall,
            ]);
        }
    }
    println!("{table}");
    println!("peak memory: {:.0} MiB", machine::peak_memory("self").unwrap_or_default());
    Ok(())
}

/// The share of the ten nearest, by floats and by looking at each, that were found.
async fn recall(
    models: &dyn Models,
    facts: &[Arc<Fact>],
    passes: &[bool],
    questions: &[&String],
    found: &[Vec<usize>],
) -> Result<f64, String> {
    let text = |fact: &Arc<Fact>| fact.fields.get("text").and_then(Value::as_str).unwrap_or_default().into();
    let vectors = models.embed(None, facts.iter().map(text).collect()).await?.vectors;
    let asked = models.embed(None, questions.iter().map(|question| question.as_str().into()).collect()).await?.vectors;
    let (mut hits, mut wanted) = (0, 0);
    for (question, found) in asked.iter().zip(found) {
        let times = |vector: &[f32]| vector.iter().zip(question).map(|(one, other)| one * other).sum::<f32>();
        let among = vectors.iter().enumerate().filter(|(place, _)| passes.get(*place) == Some(&true));
        let nearest = tradewind_memory::nearest(among.map(|(place, vector)| (place, times(vector))), 10);
        wanted += nearest.len();
        hits += nearest.iter().filter(|(place, _)| found.contains(place)).count();
    }
    Ok(hits as f64 / wanted.max(1) as f64)
}

/// What is looked for, and the places where it is.
struct Task {
    name: String,
    texts: Vec<String>,
    questions: Vec<(String, Vec<usize>)>,
}

fn read(path: &Path) -> Result<csv::Rows, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("`{}`: {error}", path.display()))?;
    csv::read(&String::from_utf8_lossy(&bytes)).map_err(|why| format!("`{}`: {why}", path.display()))
}

fn books(books: &Path, other: &Path) -> Result<Task, String> {
    let list = |path: &Path| -> Result<Vec<(String, String)>, String> {
        let rows = read(path)?;
        let (titles, isbns) = (rows.column("Title")?, rows.column("ISBN13")?);
        Ok(titles.into_iter().zip(isbns).filter(|(title, isbn)| !title.is_empty() && isbn.len() == 13).collect())
    };
    let (own, other) = (list(books)?, list(other)?);
    let of = |isbn: &String| own.iter().enumerate().filter(|(_, (_, known))| known == isbn).map(|(place, _)| place).collect::<Vec<_>>();
    let questions = other.iter().map(|(title, isbn)| (title.clone(), of(isbn))).filter(|(_, places)| !places.is_empty()).collect();
    Ok(Task { name: "books, by ISBN".to_owned(), texts: own.into_iter().map(|(title, _)| title).collect(), questions })
}

fn products(products: &Path) -> Result<Task, String> {
    let mut texts = read(products)?.column("Product Name")?;
    texts.sort();
    texts.dedup();
    let every_other = |name: &String| name.split_whitespace().step_by(2).collect::<Vec<_>>().join(" ");
    let questions = texts.iter().enumerate().map(|(place, name)| (every_other(name), vec![place])).collect();
    Ok(Task { name: "products, by every other word".to_owned(), texts, questions })
}

async fn quality(lists: &Lists) -> Result<(), String> {
    let models: Arc<dyn Models> = Arc::new(LocalModels::new(".", std::env::temp_dir()));
    let mut table = Table::new(&["task", "facts", "questions", "index", "first", "among 10", "mean reciprocal rank"]);
    for task in lists.tasks()? {
        let facts = facts_of(&task.texts);
        let passes = vec![true; facts.len()];
        for (index, words, vectors) in [("words", true, false), ("vectors", false, true), ("words and vectors", true, true)] {
            let (ranker, asked, memory) = (Ranker::default(), Vectors::of_process(models.clone()), memory(words, vectors));
            let (mut first, mut ten, mut reciprocal) = (0_usize, 0_usize, 0.0);
            for (question, places) in &task.questions {
                let found = find((&ranker, &asked), &memory, &facts, &passes, question).await?;
                let rank = found.iter().position(|place| places.contains(place));
                first += usize::from(rank == Some(0));
                ten += usize::from(rank.is_some());
                reciprocal += rank.map_or(0.0, |rank| 1.0 / (rank as f64 + 1.0));
            }
            let share = |many: f64| format!("{:.3}", many / task.questions.len().max(1) as f64);
            table.row([
                task.name.clone(),
                thousands(facts.len() as f64),
                thousands(task.questions.len() as f64),
                index.to_owned(),
                share(first as f64),
                share(ten as f64),
                share(reciprocal),
            ]);
        }
    }
    println!("{table}");
    Ok(())
}

/// So many places of each order are fused, as the finder does.
const DEEP: usize = 100;

/// For each question of a task, both orders, and where the answers are.
async fn orders(task: &Task, models: &Arc<dyn Models>) -> Result<Vec<(Rank, Rank, Vec<usize>)>, String> {
    let facts = facts_of(&task.texts);
    let (passes, ranker, asked) = (vec![true; facts.len()], Ranker::default(), Vectors::of_process(models.clone()));
    let (by_words, by_vectors) = (memory(true, false), memory(false, true));
    let mut all = Vec::new();
    for (question, places) in &task.questions {
        let mut both = Vec::new();
        for memory in [&by_words, &by_vectors] {
            let found = found((&ranker, &asked), memory, &facts, &passes, (question, DEEP)).await?;
            both.push(found.into_iter().map(|place| (place, 0.0)).collect::<Rank>());
        }
        let [words, vectors] = <[Rank; 2]>::try_from(both).map_err(|_| "two orders")?;
        all.push((words, vectors, places.clone()));
    }
    Ok(all)
}

/// The mean reciprocal rank among ten of the questions of one half.
fn mean(all: &[(Rank, Rank, Vec<usize>)], half: usize, (weight, flatness): (f64, f64)) -> f64 {
    let (mut sum, mut many) = (0.0, 0_usize);
    for (words, vectors, places) in all.iter().skip(half).step_by(2) {
        let fused = fuse(&[(1.0, words.clone()), (weight, vectors.clone())], flatness, 10);
        let rank = fused.iter().position(|(place, _)| places.contains(place));
        sum += rank.map_or(0.0, |rank| 1.0 / (rank as f64 + 1.0));
        many += 1;
    }
    sum / many.max(1) as f64
}

async fn fusion(lists: &Lists) -> Result<(), String> {
    let models: Arc<dyn Models> = Arc::new(LocalModels::new(".", std::env::temp_dir()));
    let tasks = lists.tasks()?;
    let mut all = Vec::new();
    for task in &tasks {
        all.push(orders(task, &models).await?);
    }
    let mut tried = Vec::new();
    for flatness in [0.0, 1.0, 3.0, 10.0, 30.0, 60.0] {
        for weight in [0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0] {
            let chosen: f64 = all.iter().map(|task| mean(task, 0, (weight, flatness))).sum();
            tried.push((chosen, weight, flatness));
        }
    }
    tried.sort_by(|one, other| other.0.total_cmp(&one.0));
    let mut table = Table::new(&["vectors weigh", "flatness", "books: chosen on", "reported on", "products: chosen on", "reported on"]);
    let own = (f64::NAN, VECTORS / WORDS, FLATNESS);
    for (_, weight, flatness) in tried.iter().take(12).chain([&(f64::NAN, 0.0, 60.0), &(f64::NAN, 1.0, 60.0), &own]) {
        let mut row = vec![format!("{weight}"), format!("{flatness}")];
        row.extend(all.iter().flat_map(|task| [0, 1].map(|half| format!("{:.4}", mean(task, half, (*weight, *flatness))))));
        table.row(row);
    }
    println!("{table}\nThe best dozen of the half that is chosen on, then words alone, both alike, and what the finder does.");
    Ok(())
}

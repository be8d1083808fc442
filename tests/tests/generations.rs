//! Whatever is edited in a whole repository, compiling again ends in what compiling anew ends in: the plan, the places, the scenarios, the
//! lock and every mistake. The repositories hold every kind of node; what is edited is drawn: words, lines, nodes that move or are
//! doubled, files that are renamed, removed or added, texts that a flow reads, the environment.
//!
//! `TRADEWIND_EDITS` says how many edits each repository gets, `TRADEWIND_SEED` which.
#![cfg(test)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tradewind_lang::compile::{Compiled, Generation, Repository, compile, compile_after};
use tradewind_tests::random::Random;
use tradewind_tests::root;

/// Edits of each repository where nothing else is asked for.
const EDITS: u64 = 16;

/// A repository as texts: its configuration, and the other files that it may read.
#[derive(Clone)]
struct Texts {
    configuration: BTreeMap<String, String>,
    read: BTreeMap<String, String>,
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() { files(&entry.path(), found) } else { found.push(entry.path()) }
    }
}

fn example(name: &str) -> Texts {
    let folder = root().join("tests/examples").join(name);
    let mut paths = Vec::new();
    files(&folder, &mut paths);
    let mut texts = Texts { configuration: BTreeMap::new(), read: BTreeMap::new() };
    for path in paths {
        let name = path.strip_prefix(&folder).unwrap().to_string_lossy().into_owned();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        if name.ends_with(".kdl") {
            texts.configuration.insert(name, text)
        } else {
            texts.read.insert(name, text)
        };
    }
    texts
}

/// Flows that lead to each other through events, memories, agents and other flows, some of them with a mistake.
fn verdicts(pages: &[&str]) -> Texts {
    let text = |name: &str| std::fs::read_to_string(root().join("tests/verdicts").join(name)).unwrap();
    let configuration = ["prelude.kdl"].iter().chain(pages).map(|name| ((*name).to_owned(), text(name))).collect();
    let rows = "{\"text\":\"It broke.\",\"label\":\"complaint\"}\n{\"text\":\"Lovely.\",\"label\":\"praise\"}\n";
    Texts { configuration, read: BTreeMap::from([("data/training.jsonl".to_owned(), rows.to_owned())]) }
}

/// The nodes of a file, each with what stands above it.
fn nodes(text: &str) -> Vec<String> {
    let mut nodes: Vec<String> = vec![String::new()];
    for line in text.lines() {
        if line.starts_with(|first: char| first.is_ascii_lowercase()) {
            nodes.push(String::new());
        }
        let last = nodes.last_mut().unwrap();
        last.push_str(line);
        last.push('\n');
    }
    nodes
}

/// Texts that are edited, and how.
struct Editing {
    whole: Texts,
    now: Texts,
    words: Vec<String>,
    environment: Option<&'static str>,
    random: Random,
}

impl Editing {
    fn of(whole: Texts, seed: u64) -> Self {
        let split = |text: &String| -> Vec<String> {
            text.split(|letter: char| !letter.is_ascii_alphanumeric() && !"_-.".contains(letter))
                .filter(|word| word.len() > 1)
                .map(str::to_owned)
                .collect()
        };
        let words = whole.configuration.values().flat_map(split).collect();
        Self { now: whole.clone(), whole, words, environment: None, random: Random::of(seed) }
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.random.below(end as u64)).unwrap()
    }

    fn path(&mut self) -> String {
        let at = self.below(self.now.configuration.len());
        self.now.configuration.keys().nth(at).cloned().unwrap_or_else(|| "a.kdl".to_owned())
    }

    fn word(&mut self) -> String {
        let at = self.below(self.words.len());
        self.words[at].clone()
    }

    /// One edit, and what it was.
    fn edit(&mut self) -> String {
        let path = self.path();
        let text = self.now.configuration.get(&path).cloned().unwrap_or_default();
        let draw = self.below(16);
        let (what, text) = match draw {
            0..=2 => {
                self.now = self.whole.clone();
                return "everything is as it was".to_owned();
            }
            3 | 4 => return self.move_node(&path, &text, draw == 3),
            5 => {
                self.now.configuration.remove(&path);
                let to = format!("moved/{}.kdl", self.below(50));
                self.now.configuration.insert(to.clone(), text);
                return format!("{path} is now {to}");
            }
            6 => {
                self.now.configuration.remove(&path);
                return format!("{path} is gone");
            }
            7 => {
                self.environment = [None, Some("dev"), Some("prod")][self.below(3)];
                return format!("the environment is {:?}", self.environment);
            }
            8 | 9 => return self.edit_read(),
            10 => {
                let lines: Vec<&str> = text.lines().collect();
                let gone = self.below(lines.len().max(1));
                let left = lines.iter().enumerate().filter(|(at, _)| *at != gone).map(|(_, line)| format!("{line}\n"));
                (format!("line {} of {path} is gone", gone + 1), left.collect())
            }
            11 => (format!("{path} has a line more"), format!("// Another one.\n\n{text}")),
            _ => {
                let (from, to) = (self.word(), self.word());
                (format!("`{from}` in {path} is `{to}`"), text.replacen(&from, &to, 1))
            }
        };
        self.now.configuration.insert(path, text);
        what
    }

    /// A node goes to another file, or stands in both.
    fn move_node(&mut self, path: &str, text: &str, stays: bool) -> String {
        let nodes = nodes(text);
        let at = self.below(nodes.len());
        let left: String = nodes.iter().enumerate().filter(|(of, _)| stays || *of != at).map(|(_, node)| node.as_str()).collect();
        self.now.configuration.insert(path.to_owned(), left);
        let to = if self.below(2) == 0 { self.path() } else { format!("new/{}.kdl", self.below(50)) };
        self.now.configuration.entry(to.clone()).or_default().push_str(&format!("\n{}", nodes[at]));
        format!("node {at} of {path} {} {to}", if stays { "is also in" } else { "goes to" })
    }

    /// A text that is no configuration changes, or is gone.
    fn edit_read(&mut self) -> String {
        let at = self.below(self.now.read.len());
        let Some(path) = self.now.read.keys().nth(at).cloned() else { return "no text is read".to_owned() };
        match self.below(3) {
            0 => drop(self.now.read.remove(&path)),
            1 => self.now.read.entry(path.clone()).or_default().push_str(" {{ input.id }}"),
            _ => self.now.read.entry(path.clone()).or_default().insert_str(0, "Well. "),
        }
        format!("{path} says something else, or nothing")
    }
}

/// Everything that a compilation ends in.
fn said(compiled: &Compiled) -> String {
    let digest = compiled.plan.as_ref().map(|plan| plan.digest().to_string());
    let place = |found: &tradewind_lang::diagnostic::Diagnostic| {
        format!("{} {:?} {found:?}\n", compiled.sources.path(found.span), compiled.sources.line_column(found.span))
    };
    let found: String = compiled.diagnostics.iter().map(place).collect();
    format!("{digest:?}\n{}\n{:?}\n{:?}\n{found}", compiled.lock, compiled.locations, compiled.scenarios)
}

/// Edits a repository; how many flows were taken over, and how many compilations were clean.
fn edited(name: &str, whole: Texts) -> (usize, usize) {
    let mut editing = Editing::of(whole, number("TRADEWIND_SEED", 1));
    let (mut generation, mut reused, mut clean) = (Generation::default(), 0, 0);
    let mut done = Vec::new();
    for _ in 0..=number("TRADEWIND_EDITS", EDITS) {
        let configuration: Vec<(String, String)> =
            editing.now.configuration.iter().map(|(path, text)| (path.clone(), text.clone())).collect();
        let read = |path: &str| editing.now.read.get(path).cloned();
        let library = if name == "verdicts" { &[][..] } else { tradewind_stdlib::LIBRARY };
        let repository = Repository { configuration: &configuration, library, read: &read, environment: editing.environment };
        let threads = 1 + done.len() % 3;
        let (compiled, next) = compile_after(&repository, generation, threads);
        let (again, anew) = (said(&compiled), said(&compile(&repository)));
        let differs = again.lines().zip(anew.lines()).find(|(again, anew)| again != anew);
        assert!(again == anew, "{name} on {threads} threads, after {done:#?}: {differs:#?}");
        (reused, clean) = (reused + next.flows_reused(), clean + usize::from(compiled.plan.is_some()));
        generation = next;
        done.push(editing.edit());
    }
    println!("{name}: {} edits, {reused} flows taken over, {clean} compilations without an error", done.len() - 1);
    (reused, clean)
}

#[test]
fn whatever_is_edited_of_an_operators_repository_it_ends_in_what_it_ends_in_anew() {
    let (mut reused, mut clean) = (0, 0);
    for name in ["brand", "retail", "platform"] {
        let (flows, compilations) = edited(name, example(name));
        (reused, clean) = (reused + flows, clean + compilations);
    }
    assert!(reused >= 10 && clean >= 10, "{reused} flows were taken over, {clean} compilations were clean");
}

#[test]
fn whatever_is_edited_of_flows_that_lead_to_each_other_it_ends_in_what_it_ends_in_anew() {
    let pages = ["12-events.kdl", "13-memory.kdl", "19-left-behind.kdl", "23-laundering.kdl", "8-called-flows.kdl"];
    let (reused, _) = edited("verdicts", verdicts(&pages));
    assert!(reused >= 100, "{reused} flows were taken over");
}

//! Mutations of texts: bytes, words of the grammar, doubling, nesting, truncation, crossing. It knows neither KDL nor CEL beyond their words.

use std::sync::LazyLock;
use tradewind_tests::random::Random;
use tradewind_tests::root;

/// What is longer is cut, except now and then.
const USUAL: usize = 6_000;
/// What is promised: any bytes up to a megabyte.
pub(crate) const MOST: usize = 1_000_000;

/// Words of the grammar, and marks of KDL, CEL and templates.
static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let grammar = std::fs::read_to_string(root().join("lang/src/grammar.txt")).expect("the grammar is a file");
    let mut words: Vec<String> = grammar
        .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-')
        .filter(|word| word.len() > 1)
        .map(str::to_owned)
        .collect();
    words.extend(MARKS.iter().map(|mark| (*mark).to_owned()));
    words
});

const MARKS: &[&str] = &[
    " ",
    "\n",
    "{",
    "}",
    "{\n",
    "\n}\n",
    "\"",
    "\"\"\"",
    "#\"",
    "\"#",
    "=",
    "\"=",
    "/-",
    "/*",
    "*/",
    "//",
    "\\",
    "\\\n",
    "(str)",
    "(file)",
    "#true",
    "#null",
    "-1",
    "9223372036854775808",
    "1e999",
    "0x",
    "\"=input.",
    "\"100 USD\"",
    "\"30d\"",
    "\"5%\"",
    "(",
    ")",
    "[",
    "]",
    ".",
    ",",
    "? ",
    " : ",
    " + ",
    " && ",
    " in ",
    "has(",
    ".or(",
    ".map(x, ",
    ".exists(x, ",
    "cel.bind(a, ",
    "size(",
    "money('1 USD')",
    "duration('1h')",
    "'",
    "{{ ",
    " }}",
    "{% if ",
    "{% endif %}",
    "{% for x in ",
    "{% endfor %}",
    " | round",
    "\u{feff}",
    "\u{200b}",
    "\0",
    "é",
    "🦀",
    "\u{202e}",
    "steps.",
    "run.now",
    "evidence.",
    "effect.",
    "untrusted",
    "list<",
    ">",
    "map<",
    "?",
    "int",
    "string",
    "; ",
];

fn below(random: &mut Random, end: usize) -> usize {
    usize::try_from(random.below(end as u64)).expect("a number below a length")
}

/// A part of a text, of any length, mostly short.
fn part(random: &mut Random, length: usize) -> (usize, usize) {
    let start = below(random, length + 1);
    let most = if random.below(4) == 0 { length - start } else { (length - start).min(24) };
    (start, start + below(random, most + 1))
}

/// A change of a text, or of two.
pub(crate) fn mutated(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[below(random, seeds.len())].clone();
    for _ in 0..1 + below(random, 5) {
        change(random, &mut bytes, seeds);
        if bytes.len() > USUAL && random.below(400) > 0 {
            let start = below(random, bytes.len() - USUAL);
            bytes = bytes.split_off(start);
            bytes.truncate(USUAL);
        }
    }
    bytes.truncate(MOST);
    bytes
}

fn change(random: &mut Random, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let (start, end) = part(random, bytes.len());
    match random.below(14) {
        0 if !bytes.is_empty() => {
            let at = below(random, bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
        1 => drop(bytes.splice(start..start, [(random.below(256)) as u8])),
        2 => drop(bytes.drain(start..end)),
        // Once more, or many times.
        3 => {
            let times = if random.below(6) == 0 { 64 } else { 1 };
            let again = bytes[start..end].repeat(times);
            drop(bytes.splice(end..end, again));
        }
        4 => bytes.truncate(start),
        5 if random.below(8) == 0 => {
            let again = bytes.clone();
            bytes.extend(again);
        }
        6 => {
            let (open, close) =
                [("x {\n", "\n}\n"), ("(", ")"), ("[", "]"), ("/-{", "}"), ("(a + ", ")"), ("{{ ", " }}")][below(random, 6)];
            let times = if random.below(5) == 0 { 1 + below(random, 300) } else { 1 };
            drop(bytes.splice(end..end, close.repeat(times).into_bytes()));
            drop(bytes.splice(start..start, open.repeat(times).into_bytes()));
        }
        // Crossed with another.
        7 => {
            let other = &seeds[below(random, seeds.len())];
            let (from, to) = part(random, other.len());
            drop(bytes.splice(start..end, other[from..to].iter().copied()));
        }
        8 => {
            let other = &seeds[below(random, seeds.len())];
            let from = below(random, other.len() + 1);
            bytes.truncate(start);
            bytes.extend(&other[from..]);
        }
        _ => {
            let word = &WORDS[below(random, WORDS.len())];
            let to = if random.below(2) == 0 { start } else { end };
            drop(bytes.splice(start..to, word.bytes()));
        }
    }
}

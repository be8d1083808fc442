//! A flow as an SVG picture that stands alone: no script, no outside font, image or style; light and dark follow the reader.
//! Text is set in a monospaced face and wrapped, so that its width is known and every line fits its box.

use super::place::{self, Placed};
use super::view::{self, Kind, Node, Note, View};
use crate::plan::{Flow, Plan};
use std::fmt::Write as _;

/// Width of one cell of a line of 12 px; the widest of the usual monospaced faces, with a little to spare.
const CELL: f64 = 7.4;
/// The same for a title of 14 px.
const TITLE_CELL: f64 = 8.7;
/// Cells of a line at most.
const WRAP: usize = 46;
/// Height of a line and of a title.
const LINE: f64 = 17.0;
const TITLE: f64 = 22.0;
/// Space within a box, and around the picture.
const INSET: f64 = 12.0;
const MARGIN: f64 = 28.0;

/// The picture.
pub(crate) fn draw(plan: &Plan, flow: &Flow) -> String {
    let view = view::of(plan, flow);
    let boxes: Vec<Boxed> = view.nodes.iter().map(Boxed::of).collect();
    let sizes: Vec<(f64, f64)> = boxes.iter().map(|one| (one.width, one.height)).collect();
    let edges: Vec<(usize, usize)> = view.edges.iter().map(|edge| (edge.from, edge.to)).collect();
    let layout = place::place(&sizes, &edges);
    let head = Head::of(&view, layout.width);
    let width = layout.width.max(head.width) + 2.0 * MARGIN;
    let height = layout.height + head.height + 2.0 * MARGIN;
    let left = f64::midpoint(width, -layout.width);
    let top = MARGIN + head.height;
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" \
         role=\"img\" aria-labelledby=\"title summary\">"
    );
    let _ = writeln!(out, "<title id=\"title\">{}</title>\n<desc id=\"summary\">{}</desc>", escaped(&view.title), escaped(&view.summary));
    let _ = writeln!(out, "<style>{STYLE}</style>");
    out.push_str(ARROW);
    let _ = writeln!(out, "<rect class=\"page\" width=\"100%\" height=\"100%\"/>");
    head.draw(&mut out);
    for points in &layout.edges {
        let moved: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x + left, y + top)).collect();
        let _ = writeln!(out, "<path class=\"edge\" d=\"{}\" marker-end=\"url(#arrow)\"/>", path(&moved));
    }
    for ((node, one), placed) in view.nodes.iter().zip(&boxes).zip(&layout.nodes) {
        one.draw(node, &Placed { x: placed.x + left, y: placed.y + top, ..*placed }, &mut out);
    }
    out.push_str("</svg>\n");
    out
}

/// The flow's name, what it is for, and its bounds.
struct Head {
    title: String,
    lines: Vec<String>,
    width: f64,
    height: f64,
}

impl Head {
    fn of(view: &View, width: f64) -> Self {
        let mut most = WRAP;
        while ((most + 1) as f64) * CELL < width {
            most += 1;
        }
        let mut lines = wrapped(&view.summary, most);
        lines.extend(view.facts.iter().flat_map(|fact| wrapped(fact, most)));
        let widest = lines.iter().map(|line| cells(line)).max().unwrap_or(0);
        let width = (widest as f64 * CELL).max(cells(&view.title) as f64 * TITLE_CELL * 1.3);
        let height = TITLE + 6.0 + lines.len() as f64 * LINE + 22.0;
        Self { title: view.title.clone(), lines, width, height }
    }

    fn draw(&self, out: &mut String) {
        let _ = writeln!(out, "<text class=\"head\" x=\"{MARGIN}\" y=\"{:.1}\">{}</text>", MARGIN + 14.0, escaped(&self.title));
        for (at, line) in self.lines.iter().enumerate() {
            let y = MARGIN + TITLE + 6.0 + (at as f64 + 0.7) * LINE;
            let _ = writeln!(out, "<text class=\"fact\" x=\"{MARGIN}\" y=\"{y:.1}\">{}</text>", escaped(line));
        }
    }
}

/// A box with its wrapped lines.
struct Boxed {
    title: Vec<String>,
    lines: Vec<(Note, String)>,
    width: f64,
    height: f64,
}

impl Boxed {
    fn of(node: &Node) -> Self {
        let title = wrapped(&node.title, WRAP - 8);
        let lines: Vec<(Note, String)> =
            node.lines.iter().flat_map(|(note, text)| wrapped(text, WRAP).into_iter().map(|line| (*note, line))).collect();
        let widest = lines.iter().map(|(_, line)| cells(line)).max().unwrap_or(0) as f64 * CELL;
        let widest = title.iter().map(|line| cells(line) as f64 * TITLE_CELL).fold(widest, f64::max);
        let height = title.len() as f64 * TITLE + lines.len() as f64 * LINE + 1.5 * INSET;
        Self { title, lines, width: (widest + 2.0 * INSET + 4.0).max(96.0), height }
    }

    fn draw(&self, node: &Node, at: &Placed, out: &mut String) {
        let kind = class(node.kind);
        let round = if matches!(node.kind, Kind::End | Kind::Arm) { 14.0 } else { 5.0 };
        let Placed { x, y, width, height } = *at;
        let _ = writeln!(out, "<g class=\"node {kind}\"><title>{}</title>", escaped(&node.title));
        let _ = writeln!(out, "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{round}\"/>");
        if round < 10.0 {
            let _ = writeln!(out, "<path class=\"stripe\" d=\"M{:.1} {:.1}v{:.1}\"/>", x + 2.0, y + 5.0, height - 10.0);
        }
        let mut line = y + INSET * 0.75;
        for text in &self.title {
            let _ = writeln!(out, "<text class=\"name\" x=\"{:.1}\" y=\"{:.1}\">{}</text>", x + INSET + 2.0, line + 15.0, escaped(text));
            line += TITLE;
        }
        for (note, text) in &self.lines {
            let class = match note {
                Note::Does => "does",
                Note::When => "when",
                Note::Guard => "guard",
                Note::Bound => "bound",
                Note::Branch => "branch",
            };
            let _ = writeln!(out, "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>", x + INSET + 2.0, line + 12.0, escaped(text));
            line += LINE;
        }
        out.push_str("</g>\n");
    }
}

fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::End => "end",
        Kind::Read => "read",
        Kind::Decide => "decide",
        Kind::Gate => "gate",
        Kind::Effect => "effect",
        Kind::Choose => "choose",
        Kind::Arm => "arm",
    }
}

/// A path through points: straight down within a layer, curved between two, and upright at each end.
fn path(points: &[(f64, f64)]) -> String {
    let mut out = String::new();
    let mut before: Option<(f64, f64)> = None;
    for (x, y) in points.iter().copied() {
        let _ = match before {
            None => write!(out, "M{x:.1} {y:.1}"),
            Some((old, _)) if (old - x).abs() < 0.05 => write!(out, "V{y:.1}"),
            Some((old, top)) => {
                let half = f64::midpoint(top, y);
                write!(out, "C{old:.1} {half:.1} {x:.1} {half:.1} {x:.1} {y:.1}")
            }
        };
        before = Some((x, y));
    }
    out
}

/// How many cells a text takes; wide characters take two.
fn cells(text: &str) -> usize {
    text.chars().map(width_of).sum()
}

fn width_of(character: char) -> usize {
    match u32::from(character) {
        0x0300..=0x036f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0x1f000..=0x3fffd => 2,
        _ => 1,
    }
}

/// Text in lines of at most so many cells: broken at spaces, and within a word that is longer.
fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && cells(&line) + 1 + cells(word) > most {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for character in word.chars() {
            if cells(&line) + width_of(character) > most {
                lines.push(std::mem::take(&mut line));
            }
            line.push(character);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Text for XML; what XML cannot hold is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ if character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}') => {}
            _ => out.push(character),
        }
    }
    out
}

const ARROW: &str = "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
orient=\"auto\"><path class=\"head-of-arrow\" d=\"M0 0.5 L7.5 4 L0 7.5 z\"/></marker></defs>\n";

/// Every colour stands once for light and once for dark; text has a contrast of at least 4.5 to 1 in both.
const STYLE: &str = "
text{font:12px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;white-space:pre;fill:#3d4654}
.head{font-size:18px;font-weight:700;fill:#161b22}
.name{font-size:14px;font-weight:700;fill:#161b22}
.page{fill:#fbfbfa}
.edge{fill:none;stroke:#8a94a3;stroke-width:1.4}
.head-of-arrow{fill:#8a94a3}
.node rect{fill:#ffffff;stroke:#c3c9d2;stroke-width:1}
.stripe{fill:none;stroke-width:4}
.end rect,.arm rect{fill:#eef0f3}
.read .stripe{stroke:#1f6feb}
.decide .stripe{stroke:#8250df}
.gate .stripe{stroke:#bf8700}
.effect .stripe{stroke:#cf222e}
.choose .stripe{stroke:#1a7f8a}
.when{font-style:italic;fill:#1a6872}
.guard{fill:#7d4e00}
.bound{fill:#57606a}
.branch{fill:#b3202b}
@media (prefers-color-scheme:dark){
text{fill:#b7c0cc}
.head,.name{fill:#f0f3f6}
.page{fill:#12161c}
.edge{stroke:#6f7b8a}
.head-of-arrow{fill:#6f7b8a}
.node rect{fill:#1b2129;stroke:#3a4350}
.end rect,.arm rect{fill:#262d37}
.when{fill:#6cc7d1}
.guard{fill:#e0b252}
.bound{fill:#97a2b0}
.branch{fill:#ff8b84}
}
";

#[cfg(test)]
mod tests {
    use super::{cells, escaped, wrapped};

    #[test]
    fn lines_are_broken_at_spaces_and_never_too_long() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrapped("日本語", 4), ["日本", "語"]);
        assert!(wrapped("  ", 4).is_empty());
        assert_eq!(cells("e\u{301}日"), 3);
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(escaped("<a & \"b\">\u{1b}"), "&lt;a &amp; &quot;b&quot;&gt;");
    }
}

//! Where text comes from: sources, byte spans, lines.
//!
//! One `Span` is used from KDL through CEL to the editor. This module knows nothing of UTF-16;
//! that arithmetic belongs to the language server alone.

use std::sync::Arc;

/// One file of a repository, by its place in the [`SourceMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

/// A byte range of one source. `start <= end`; both lie on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The file.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A span of `source` over the bytes `start..end`.
    #[must_use]
    pub fn new(source: SourceId, start: usize, end: usize) -> Self {
        let clamp = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { source, start: clamp(start), end: clamp(end.max(start)) }
    }

    /// The smallest span that covers both; `self` where the sources differ.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        if self.source != other.source {
            return self;
        }
        Self { source: self.source, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A file's path, relative to the repository root with `/`, and its text.
#[derive(Debug, Clone)]
pub struct Source {
    /// Path as people read it.
    pub path: String,
    /// The whole text.
    pub text: Arc<str>,
    line_starts: Vec<u32>,
    /// How many characters stand before every so many bytes: a column in a long line is found without counting all of it.
    characters: Vec<u32>,
}

/// Bytes between two marks of [`Source`].
const MARKED: usize = 1024;

/// How many characters begin in bytes.
fn begun(bytes: &[u8]) -> usize {
    // Every byte of a character but its first is `10xxxxxx`.
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

impl Source {
    fn new(path: String, text: Arc<str>) -> Self {
        let clamp = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| clamp(at + 1));
        let line_starts = std::iter::once(0).chain(ends).collect();
        let mut characters = Vec::with_capacity(text.len() / MARKED + 1);
        let mut before = 0;
        for piece in text.as_bytes().chunks(MARKED) {
            characters.push(clamp(before));
            before += begun(piece);
        }
        characters.push(clamp(before));
        Self { path, text, line_starts, characters }
    }

    /// How many characters stand before a byte.
    fn characters_before(&self, offset: usize) -> usize {
        let mark = (offset / MARKED).min(self.characters.len().saturating_sub(1));
        let marked = self.characters.get(mark).map_or(0, |count| *count as usize);
        marked + self.text.as_bytes().get(mark * MARKED..offset).map_or(0, begun)
    }
}

/// Every source of one compilation.
#[derive(Debug, Clone, Default)]
pub struct SourceMap {
    sources: Vec<Source>,
}

impl SourceMap {
    /// Adds a file and returns its id.
    pub fn add(&mut self, path: impl Into<String>, text: impl Into<Arc<str>>) -> SourceId {
        self.sources.push(Source::new(path.into(), text.into()));
        SourceId(u32::try_from(self.sources.len() - 1).unwrap_or(u32::MAX))
    }

    /// The source of an id that this map gave out.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.sources.get(id.0 as usize)
    }

    /// All sources in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &Source)> {
        self.sources.iter().enumerate().map(|(at, source)| (SourceId(u32::try_from(at).unwrap_or(u32::MAX)), source))
    }

    /// The text that a span covers; empty where the span does not fit its source.
    #[must_use]
    pub fn text(&self, span: Span) -> &str {
        self.get(span.source).and_then(|source| source.text.get(span.start as usize..span.end as usize)).unwrap_or("")
    }

    /// Line and column of the span's start, both from 1; the column counts characters.
    #[must_use]
    pub fn line_column(&self, span: Span) -> (usize, usize) {
        let Some(source) = self.get(span.source) else { return (1, 1) };
        let line = source.line_starts.partition_point(|start| *start <= span.start);
        let line_start = line.checked_sub(1).and_then(|at| source.line_starts.get(at)).copied().unwrap_or(0);
        let column = source.characters_before(span.start as usize).saturating_sub(source.characters_before(line_start as usize)) + 1;
        (line, column)
    }

    /// The path of the span's source; empty for an unknown one.
    #[must_use]
    pub fn path(&self, span: Span) -> &str {
        self.get(span.source).map_or("", |source| source.path.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{SourceMap, Span};

    #[test]
    fn columns_count_characters_however_long_the_line_is() {
        let line = "aé→😀".repeat(2_000);
        let text = format!("first\n{line}\nlast");
        let mut sources = SourceMap::default();
        let source = sources.add("a.kdl", text.as_str());
        for (column, (at, _)) in line.char_indices().enumerate().step_by(97) {
            assert_eq!(sources.line_column(Span::new(source, 6 + at, 6 + at)), (2, column + 1));
        }
        assert_eq!(sources.line_column(Span::new(source, text.len(), text.len())), (3, 5));
        assert_eq!(sources.line_column(Span::new(source, text.len() + 9, text.len() + 9)).0, 3);
    }
}

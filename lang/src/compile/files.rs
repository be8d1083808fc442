//! The files of a compilation: each read on its own, in parallel, and taken over from the last compilation where its text is the same.
//! It knows no node's meaning beyond its shape.

use crate::ast::Node;
use crate::diagnostic::Diagnostic;
use crate::lower::reuse::{self, Lowered, Reuse};
use crate::parallel;
use crate::plan::Digest;
use crate::shape;
use crate::source::{SourceId, SourceMap, Span};
use crate::syntax::Loader;
use std::collections::BTreeMap;

/// What the files of one compilation were read as, by the digest of their text, for the next one.
#[derive(Debug, Default)]
pub struct Generation {
    files: BTreeMap<Digest, Vec<File>>,
    lowered: Lowered,
    reused: usize,
    flows_reused: usize,
}

impl Generation {
    /// How many files of the last compilation were taken over from the one before.
    #[must_use]
    pub fn reused(&self) -> usize {
        self.reused
    }

    /// How many flows of the last compilation were not lowered again.
    #[must_use]
    pub fn flows_reused(&self) -> usize {
        self.flows_reused
    }
}

/// What is known of a file beside its nodes.
struct Part {
    digest: Digest,
    source: SourceId,
    /// How many of the nodes are its own.
    count: usize,
    found: Vec<Diagnostic>,
    declarations: Digest,
}

/// A file as nodes, and what is wrong with its text and its shape.
#[derive(Debug)]
struct File {
    source: SourceId,
    nodes: Vec<Node>,
    found: Vec<Diagnostic>,
    /// What it says beside its flows.
    declarations: Digest,
}

/// Every file of a compilation, its nodes in one list.
pub(super) struct Files {
    pub(super) nodes: Vec<Node>,
    pub(super) found: Vec<Diagnostic>,
    /// The flows of the compilation before.
    pub(super) reuse: Reuse,
    parts: Vec<Part>,
    reused: usize,
}

impl Files {
    /// Reads texts, on so many threads; what `previous` knows is not read again.
    pub(super) fn read(sources: &SourceMap, texts: &[(SourceId, &str)], mut previous: Generation, threads: usize) -> Self {
        let mut known: Vec<(Digest, Option<File>)> = Vec::with_capacity(texts.len());
        for (source, text) in texts {
            let digest = Digest::of(text.as_bytes());
            let mut file = previous.files.get_mut(&digest).and_then(Vec::pop);
            if let Some(file) = &mut file {
                file.move_to(*source);
            }
            known.push((digest, file));
        }
        let unread: Vec<(SourceId, &str)> =
            texts.iter().zip(&known).filter(|(_, (_, file))| file.is_none()).map(|(text, _)| *text).collect();
        let reused = texts.len() - unread.len();
        let mut read =
            parallel::each(threads, &unread, Loader::default, |loader, (source, text)| File::read(loader, *source, text)).into_iter();
        let placed = |(source, digest): (SourceId, &Digest)| {
            let path = sources.get(source).map(|source| source.path.as_str()).unwrap_or_default();
            (source, Digest::of(&[&digest.0[..], path.as_bytes()].concat()))
        };
        let places = texts.iter().zip(&known).map(|((source, _), (digest, _))| placed((*source, digest))).collect();
        let reuse = Reuse::new(previous.lowered, places);
        let mut files = Self { nodes: Vec::new(), found: Vec::new(), reuse, parts: Vec::new(), reused };
        for (digest, file) in known {
            let Some(file) = file.or_else(|| read.next()) else { continue };
            files.found.extend(file.found.iter().cloned());
            let File { source, nodes, found, declarations } = file;
            files.parts.push(Part { digest, source, count: nodes.len(), found, declarations });
            files.nodes.extend(nodes);
        }
        files
    }

    /// The files again, for the next compilation.
    pub(super) fn into_generation(self) -> Generation {
        let Self { nodes, parts, reused, reuse, .. } = self;
        let (lowered, flows_reused) = reuse.end();
        let mut nodes = nodes.into_iter();
        let mut files: BTreeMap<Digest, Vec<File>> = BTreeMap::new();
        for Part { digest, source, count, found, declarations } in parts {
            files.entry(digest).or_default().push(File { source, nodes: nodes.by_ref().take(count).collect(), found, declarations });
        }
        Generation { files, lowered, reused, flows_reused }
    }

    /// What each file says beside its flows; of a file of flows, nothing.
    pub(super) fn declarations(&self) -> Vec<Digest> {
        let nothing = reuse::declarations(&[]);
        self.parts.iter().map(|part| part.declarations).filter(|own| *own != nothing).collect()
    }
}

impl File {
    fn read(loader: &mut Loader, source: SourceId, text: &str) -> Self {
        let (nodes, mut found) = loader.load(source, text);
        found.extend(shape::check(&nodes));
        let declarations = reuse::declarations(&nodes);
        Self { source, nodes, found, declarations }
    }

    /// The same text as another source: only the spans know which one it is.
    fn move_to(&mut self, source: SourceId) {
        if std::mem::replace(&mut self.source, source) == source {
            return;
        }
        self.nodes.iter_mut().for_each(|node| move_node(node, source));
        let labels = |found: &mut Diagnostic| {
            found.span.source = source;
            found.secondary.iter_mut().for_each(|label| label.span.source = source);
            found.fixes.iter_mut().flat_map(|fix| &mut fix.edits).for_each(|edit| edit.span.source = source);
        };
        self.found.iter_mut().for_each(labels);
    }
}

fn move_node(node: &mut Node, source: SourceId) {
    let set = |span: &mut Span| span.source = source;
    set(&mut node.span);
    set(&mut node.name.span);
    node.annotation.iter_mut().for_each(|name| set(&mut name.span));
    node.properties.iter_mut().for_each(|property| set(&mut property.name.span));
    for literal in node.arguments.iter_mut().chain(node.properties.iter_mut().map(|property| &mut property.value)) {
        set(&mut literal.span);
        literal.annotation.iter_mut().for_each(|name| set(&mut name.span));
    }
    node.children.iter_mut().for_each(|child| move_node(child, source));
}

//! The files of a compilation: each read on its own, in parallel, and taken over from the last compilation where its text is the same.
//! It knows no node's meaning beyond its shape.

use crate::ast::Node;
use crate::diagnostic::Diagnostic;
use crate::parallel;
use crate::plan::Digest;
use crate::shape;
use crate::source::{SourceId, Span};
use crate::syntax::Loader;
use std::collections::BTreeMap;

/// What the files of one compilation were read as, by the digest of their text, for the next one.
#[derive(Debug, Default)]
pub struct Generation {
    files: BTreeMap<Digest, Vec<File>>,
    reused: usize,
}

impl Generation {
    /// How many files of the last compilation were taken over from the one before.
    #[must_use]
    pub fn reused(&self) -> usize {
        self.reused
    }
}

/// A file as nodes, and what is wrong with its text and its shape.
#[derive(Debug)]
struct File {
    source: SourceId,
    nodes: Vec<Node>,
    found: Vec<Diagnostic>,
}

/// Every file of a compilation, its nodes in one list.
pub(super) struct Files {
    pub(super) nodes: Vec<Node>,
    pub(super) found: Vec<Diagnostic>,
    /// Of each file: its digest, its source, how many of the nodes are its own, and what was found in it.
    parts: Vec<(Digest, SourceId, usize, Vec<Diagnostic>)>,
    reused: usize,
}

impl Files {
    /// Reads texts, on so many threads; what `previous` knows is not read again.
    pub(super) fn read(texts: &[(SourceId, &str)], mut previous: Generation, threads: usize) -> Self {
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
        let mut files = Self { nodes: Vec::new(), found: Vec::new(), parts: Vec::new(), reused };
        for (digest, file) in known {
            let Some(file) = file.or_else(|| read.next()) else { continue };
            files.found.extend(file.found.iter().cloned());
            files.parts.push((digest, file.source, file.nodes.len(), file.found));
            files.nodes.extend(file.nodes);
        }
        files
    }

    /// The files again, for the next compilation.
    pub(super) fn into_generation(self) -> Generation {
        let Self { nodes, parts, reused, .. } = self;
        let mut nodes = nodes.into_iter();
        let mut files: BTreeMap<Digest, Vec<File>> = BTreeMap::new();
        for (digest, source, count, found) in parts {
            files.entry(digest).or_default().push(File { source, nodes: nodes.by_ref().take(count).collect(), found });
        }
        Generation { files, reused }
    }
}

impl File {
    fn read(loader: &mut Loader, source: SourceId, text: &str) -> Self {
        let (nodes, mut found) = loader.load(source, text);
        found.extend(shape::check(&nodes));
        Self { source, nodes, found }
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

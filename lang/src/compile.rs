//! The front end's entry: texts in; diagnostics, and a plan where there is no error, out.

use crate::ast::Node;
use crate::diagnostic::{Diagnostic, Severity};
use crate::lower::context::{Context, name_of};
use crate::lower::reuse::Reuse;
use crate::money::Currency;
use crate::plan::{Digest, Locations, PLAN_FORMAT, Plan, Project};
use crate::scenario::Scenario;
use crate::shape;
use crate::source::{SourceId, SourceMap, Span};
use crate::syntax;
use crate::ty::TypeTable;
use std::collections::BTreeMap;
use std::sync::Arc;

mod files;
mod garbled;

use files::Files;
pub use files::Generation;
pub use garbled::Decoded;

pub use crate::lower::layer::LOCK;

/// A repository as texts.
pub struct Repository<'a> {
    /// Every KDL file: path from the root, text.
    pub configuration: &'a [(String, String)],
    /// The standard library: path, text. Always in scope.
    pub library: &'a [(&'a str, &'a str)],
    /// Reads another text file of the repository by its path from the root.
    pub read: &'a (dyn Fn(&str) -> Option<String> + Sync),
    /// The environment; `dev`, or the first, where absent.
    pub environment: Option<&'a str>,
}

/// What a compilation ends in.
#[derive(Debug)]
pub struct Compiled {
    /// The plan; absent exactly when a diagnostic is an error.
    pub plan: Option<Plan>,
    /// Where steps and rules stand.
    pub locations: Locations,
    /// The scenarios.
    pub scenarios: Vec<Scenario>,
    /// Every text, for rendering.
    pub sources: SourceMap,
    /// Every mistake, in order of place.
    pub diagnostics: Vec<Diagnostic>,
    /// What `tradewind.lock` must hold: each part that is replaced, and the digest of what it was made against.
    pub lock: String,
}

impl Compiled {
    /// Whether something is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity() == Severity::Error)
    }
}

/// Compiles a repository on this thread. Never fails: mistakes are in the result, and one mistake hides no other.
#[must_use]
pub fn compile(repository: &Repository<'_>) -> Compiled {
    compile_after(repository, Generation::default(), 1).0
}

/// Compiles a repository on so many threads, and does not read again what the compilation before read from the same text.
/// Neither has any influence on what it ends in. The second result is for the next compilation.
#[must_use]
pub fn compile_after(repository: &Repository<'_>, previous: Generation, threads: usize) -> (Compiled, Generation) {
    let mut sources = SourceMap::default();
    let texts = add_sources(&mut sources, repository);
    let texts: Vec<(SourceId, &str)> = texts.iter().map(|(source, text)| (*source, &**text)).collect();
    let mut files = Files::read(&sources, &texts, previous, threads);
    let mut reuse = std::mem::take(&mut files.reuse);
    let declarations = files.declarations();
    let mut context = Context::new(sources.clone(), repository.read);
    context.diagnostics.extend(std::mem::take(&mut files.found));
    let scenarios = lower(&mut context, &files.nodes, repository, (repository.environment, &declarations), threads, &mut reuse);
    // What another environment changes is lowered once more in it: a mistake there does not wait for the day it is chosen.
    let chosen = context.plan.project.environment.clone();
    for name in changing_environments(&files.nodes).into_iter().filter(|name| *name != chosen) {
        let mut other = Context::new(sources.clone(), repository.read);
        lower(&mut other, &files.nodes, repository, (Some(&name), &[]), threads, &mut Reuse::default());
        for found in other.diagnostics.into_list() {
            if !context.diagnostics.has(&found) {
                context.report(Diagnostic { message: format!("in the environment `{name}`: {}", found.message), ..found });
            }
        }
    }
    files.reuse = reuse;
    (finish(context, scenarios), files.into_generation())
}

/// Checks the meaning of all nodes in an environment, and builds the plan of it.
fn lower(
    context: &mut Context<'_>,
    nodes: &[Node],
    repository: &Repository<'_>,
    (environment, declarations): (Option<&str>, &[Digest]),
    threads: usize,
    reuse: &mut Reuse,
) -> Vec<Scenario> {
    let nodes = context.layered(nodes, environment);
    let end = Span::new(SourceId(u32::try_from(repository.library.len()).unwrap_or(0)), 0, 0);
    context.declare_all(&nodes);
    context.lower_types(&nodes);
    context.lower_project(&nodes, environment, end);
    context.lower_holdings(&nodes, environment);
    context.lower_teams(&nodes);
    context.lower_legal_hold(&nodes);
    context.lower_connectors(&nodes);
    context.lower_events(&nodes);
    context.lower_models(&nodes);
    let routes = context.lower_routes(&nodes);
    context.lower_memories(&nodes);
    context.lower_series(&nodes);
    context.lower_metrics(&nodes);
    context.lower_slos(&nodes);
    context.lower_rollouts(&nodes);
    context.lower_policies(&nodes);
    context.lower_critics(&nodes, &routes);
    context.lower_actors(&nodes, &routes);
    context.lower_record_migrations(&nodes);
    context.note_acts(&nodes);
    context.note_called(&nodes);
    reuse.surround(declarations, environment, &context.files_read);
    context.lower_flows(&nodes, &routes, threads, reuse);
    context.check_endless_runs(&nodes);
    context.lower_flow_migrations(&nodes);
    context.check_limits(&nodes);
    context.check_rows(&nodes);
    let scenarios = context.lower_scenarios(&nodes);
    // What needs a rate has taken it in.
    context.plan.types.exchanges.clear();
    scenarios
}

/// Names of the environments that change models, routes or connectors.
fn changing_environments(nodes: &[Node]) -> Vec<String> {
    let projects = nodes.iter().filter(|node| node.name.text == "project");
    let environments = projects.flat_map(|project| project.children.iter()).filter(|child| child.name.text == "environment");
    let changes = |node: &&Node| node.children.iter().any(|child| matches!(child.name.text.as_str(), "model" | "route" | "connector"));
    let mut names: Vec<String> = environments.filter(changes).filter_map(name_of).map(|name| name.text).collect();
    names.sort();
    names.dedup();
    names
}

/// The library's files, then the repository's own.
fn add_sources(sources: &mut SourceMap, repository: &Repository<'_>) -> Vec<(SourceId, Arc<str>)> {
    let library = repository.library.iter().map(|(path, text)| (format!("stdlib/{path}"), *text));
    let own = repository.configuration.iter().map(|(path, text)| (path.clone(), text.as_str()));
    let mut texts = Vec::new();
    for (path, text) in library.chain(own) {
        let text: Arc<str> = text.into();
        texts.push((sources.add(path, text.clone()), text));
    }
    texts
}

fn finish(context: Context<'_>, scenarios: Vec<Scenario>) -> Compiled {
    let lock = context.lock_text();
    let Context { sources, diagnostics, plan, locations, .. } = context;
    let mut diagnostics = diagnostics.into_list();
    diagnostics.sort_by_key(|diagnostic| (diagnostic.span.source, diagnostic.span.start, diagnostic.code.id));
    let mut compiled = Compiled { plan: None, locations, scenarios, sources, diagnostics, lock };
    if !compiled.has_errors() {
        compiled.plan = Some(plan);
    }
    compiled
}

pub(crate) fn empty_plan() -> Plan {
    let project = Project {
        name: "unnamed".to_owned(),
        currency: Currency::none(),
        time_zone: "UTC".to_owned(),
        settings: BTreeMap::new(),
        environment: "dev".to_owned(),
        store: "surrealkv://.tradewind/store".to_owned(),
        twins: false,
        seeds: BTreeMap::new(),
        exchanges: Vec::new(),
        secrets: BTreeMap::new(),
        accounts: BTreeMap::new(),
        checkpoints: None,
        places: Vec::new(),
        log_retention: None,
        source: None,
        legal_hold: Vec::new(),
    };
    Plan {
        format: PLAN_FORMAT,
        project,
        types: TypeTable::default(),
        teams: BTreeMap::new(),
        operations: BTreeMap::new(),
        connectors: BTreeMap::new(),
        models: BTreeMap::new(),
        routes: BTreeMap::new(),
        memories: BTreeMap::new(),
        policies: BTreeMap::new(),
        flows: BTreeMap::new(),
        events: BTreeMap::new(),
        series: BTreeMap::new(),
        metrics: BTreeMap::new(),
        slos: BTreeMap::new(),
        rollouts: BTreeMap::new(),
        critics: BTreeMap::new(),
        agents: BTreeMap::new(),
        migrations: BTreeMap::new(),
    }
}

/// Folders that the manifest's `ignore` names, from its text: their KDL files are not configuration.
#[must_use]
pub fn ignored_folders(manifest: &str) -> Vec<String> {
    let (nodes, _) = syntax::load(SourceId(0), manifest);
    let projects = nodes.iter().filter(|node| node.name.text == "project");
    let named = projects.flat_map(|project| shape::Shaped::list(project, "ignore"));
    named.filter_map(|value| value.text().map(|text| text.trim_matches('/').to_owned())).collect()
}

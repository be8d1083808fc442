//! Environments of the manifest: every one is checked, the chosen one goes into the plan.

use super::context::{Context, name_of, suggest};
use super::declare::setting_value;
use crate::ast::{Literal, Node, Scalar};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::plan::LogRetention;
use crate::shape::Shaped;
use crate::shape::given::Given;
use crate::source::Span;
use crate::ty::Ty;
use crate::value::Value;
use std::collections::BTreeMap;

/// What an environment says; taken over by the plan if it is the chosen one.
#[derive(Default)]
struct Environment {
    store: Option<String>,
    checkpoints: Option<String>,
    log_retention: Option<LogRetention>,
    settings: BTreeMap<String, Value>,
    twins: bool,
    seeds: BTreeMap<String, String>,
    places: Vec<String>,
}

impl Context<'_> {
    /// Checks all, so that a mistake in another one does not wait for the day it is chosen.
    pub(crate) fn lower_environments(&mut self, project: &Node, wanted: Option<&str>) {
        let known: Vec<String> = project.all("environment").filter_map(name_of).map(|name| name.text).collect();
        if let Some(name) = wanted.filter(|name| !known.iter().any(|known| known == name)) {
            let diagnostic = Diagnostic::new(&meaning::UNKNOWN_NAME, project.name.span, format!("there is no environment `{name}`"));
            let mut diagnostic = suggest(diagnostic.label("not among its environments"), name, &known, project.name.span, "environment");
            // The name was given to the command: there is nothing to mend in the text.
            diagnostic.fixes.clear();
            self.report(diagnostic);
        }
        let chosen = match wanted {
            Some(name) => Some(name.to_owned()),
            None => known.iter().find(|name| *name == "dev").or(known.first()).cloned(),
        };
        for node in project.all("environment") {
            let Some(name) = name_of(node) else { continue };
            let first = self.declare("environment", &name.text, name.span);
            self.one_word("environment", &name.text, name.span);
            let environment = self.lower_environment(node);
            if !first || chosen.as_ref() != Some(&name.text) {
                continue;
            }
            let project = &mut self.plan.project;
            project.environment = name.text;
            project.settings.extend(environment.settings);
            project.twins = environment.twins;
            project.seeds = environment.seeds;
            if let Some(store) = environment.store {
                project.store = store;
            }
            project.checkpoints = environment.checkpoints;
            project.log_retention = environment.log_retention;
            project.places = environment.places;
        }
    }

    fn lower_environment(&mut self, node: &Node) -> Environment {
        let mut environment = Environment::default();
        if let Some(store) = node.setting("store").cloned() {
            environment.store = self.lower_store(&store);
        }
        if let Some(folder) = node.setting("checkpoints").cloned() {
            environment.checkpoints = self.lower_checkpoints(&folder, environment.store.as_deref());
        }
        if let Some(retention) = node.first("log-retention").cloned() {
            environment.log_retention = self.lower_log_retention(&retention, environment.store.as_deref());
        }
        let mut here_already: BTreeMap<String, Span> = BTreeMap::new();
        for setting in node.all("setting") {
            if let Some(name) = name_of(setting)
                && let Some(first) = here_already.insert(name.text.clone(), name.span)
            {
                self.said_again("setting", &name, first);
            }
            environment.settings.extend(self.lower_override(setting));
        }
        for label in node.all("place").flat_map(|place| place.arguments.clone()) {
            environment.places.extend(self.text(&label, "a place"));
        }
        let Some(twins) = node.first("twins") else { return environment };
        environment.twins = twins.argument(0).is_some_and(|value| value.scalar == Scalar::Bool(true));
        for seed in twins.all("seed") {
            let (Some(record), Some(file)) = (seed.argument(0).cloned(), seed.argument(1).cloned()) else { continue };
            let record = self.reference(&record, "type");
            match (self.file_or_text(&file), record) {
                (Some((text, Some(path))), Some(record)) => {
                    // Two environments may begin with the same.
                    if !self.known.seeds.contains(&(record.clone(), path.clone())) {
                        self.check_seeds(&record, &path, &text);
                        self.known.seeds.insert((record.clone(), path.clone()));
                    }
                    environment.seeds.insert(record, path);
                }
                (Some((_, None)), _) => {
                    let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, file.span, "a seed is a file of the repository");
                    self.report(diagnostic.label("not marked as a file").help("write `(file)` before it"));
                }
                _ => {}
            }
        }
        environment
    }

    fn lower_store(&mut self, value: &Literal) -> Option<String> {
        let url = self.text(value, "`store`")?;
        let path = url.strip_prefix("surrealkv://");
        let outside = path.is_some_and(|path| path.split('/').any(|part| part == ".."));
        if outside || (path.is_none_or(str::is_empty) && url != "memory://") {
            let remote = ["ws://", "wss://", "http://", "https://", "tikv://", "fdb://"].iter().any(|scheme| url.starts_with(scheme));
            let why = match (outside, remote) {
                (true, _) => "lies outside the repository",
                (_, true) => "is a store elsewhere, and this version keeps its log in a folder of its own",
                _ => "is no store of this version",
            };
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("`{url}` {why}")).label("not a store");
            self.report(diagnostic.help("write `surrealkv://.tradewind/store`, or `memory://` to keep nothing"));
            return None;
        }
        Some(url)
    }

    /// A folder apart from the store: what goes with it says nothing about it.
    fn lower_checkpoints(&mut self, value: &Literal, store: Option<&str>) -> Option<String> {
        let folder = self.text(value, "`checkpoints`")?;
        let why = match unfit(&folder, store) {
            Some(why) => why,
            None => return Some(folder),
        };
        let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("checkpoints cannot lie in `{folder}`: {why}"));
        self.report(
            diagnostic
                .label("not apart from the store")
                .help("write a folder on another disk, such as `checkpoints \"/var/lib/tradewind-checkpoints\"`"),
        );
        None
    }

    /// `log-retention SPAN archive=FOLDER`: without a folder nothing could be read again, so there is none without.
    fn lower_log_retention(&mut self, node: &Node, store: Option<&str>) -> Option<LogRetention> {
        let span = node.argument(0).cloned()?;
        let after = match self.typed(&span, &Ty::Duration)? {
            Value::Duration(micros) if micros > 0 => Some(micros),
            _ => {
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, span.span, "`log-retention` must be longer than nothing");
                self.report(diagnostic.label("no time at all").help("write a span such as \"90d\""));
                None
            }
        };
        let Some(value) = node.setting("archive").cloned() else {
            self.missing(
                node,
                "archive",
                "write `archive=\"FOLDER\"`: what leaves the store is kept there, and read there when it is needed",
            );
            return None;
        };
        let folder = self.text(&value, "`archive`")?;
        if let Some(why) = unfit(&folder, store) {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("the log cannot be archived in `{folder}`: {why}"));
            self.report(
                diagnostic
                    .label("not apart from the store")
                    .help("write a folder beside it or on another disk, such as `archive=\"archive\"`"),
            );
            return None;
        }
        Some(LogRetention { after: after?, archive: folder })
    }

    /// `setting NAME VALUE`, for one that the project declares.
    fn lower_override(&mut self, node: &Node) -> Option<(String, Value)> {
        let name = node.argument(0).cloned()?;
        let found = self.reference(&name, "setting")?;
        let ty = self.settings.iter().find(|(name, _)| *name == found).map(|(_, ty)| ty.clone())?;
        // The type may be said again.
        let said = node.arguments.len() > 2 && node.argument(1).and_then(Literal::text).is_some_and(|text| text == ty.to_string());
        let own = setting_value(node, if said { 2 } else { 1 });
        let Some(value) = Given::of(&own) else {
            self.missing(node, "value", &format!("write `setting \"{found}\" VALUE` of type {ty}"));
            return None;
        };
        let value = self.typed_given(&found, value, &ty)?;
        Some((found, value))
    }
}

/// Why a folder is not apart from the store.
fn unfit(folder: &str, store: Option<&str>) -> Option<&'static str> {
    let store = store.and_then(|url| url.strip_prefix("surrealkv://")).unwrap_or(".tradewind/store");
    match std::path::Path::new(folder).starts_with(store) {
        _ if folder.is_empty() => Some("it names no folder"),
        true => Some("it is the store's own folder, and is lost with it"),
        false => None,
    }
}

//! `log`: the events; `log verify`, `log export`, `log key`, `log accept`: the whole of it.

use super::runs::text;
use crate::arguments::log::{Log, LogCommand};
use crate::arguments::{Format, Place};
use crate::checkpoints;
use crate::counted::counted;
use crate::desk::{MOST_EVENTS, Request};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{say, tell};
use crate::repository::Repository;
use crate::session;
use serde_json::{Value as Json, json};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use tradewind_engine::anchor::Anchor;
use tradewind_engine::checkpoint::{self, PublicKey};
use tradewind_engine::clock::SystemClock;
use tradewind_engine::export;
use tradewind_engine::ports::Clock;
use tradewind_lang::code::run as code;
use tradewind_lang::literal;

pub(crate) fn run(place: &Place, options: &Log) -> Outcome {
    match &options.command {
        None => events(place, options),
        Some(LogCommand::Verify { file: None, .. }) => verify(place, options.format),
        Some(LogCommand::Verify { file: Some(file), key }) => verify_file(file, key.as_deref(), options.format),
        Some(LogCommand::Export { file }) => export(place, file, options.format),
        Some(LogCommand::Archive { file, older_than }) => archive(place, file, older_than, options.format),
        Some(LogCommand::Key) => key(place, options.format),
        Some(LogCommand::Accept { by, reason }) => accept(place, by, reason),
    }
}

/// Where the checkpoints of a place's log lie.
fn checkpoints_of(place: &Place) -> Result<Option<checkpoints::Place>, Failure> {
    // By the plan of the files; where they do not compile, by the usual places.
    let root = Repository::root(place)?;
    Ok(match Repository::open(place).ok().and_then(|repository| repository.compile(place.environment.as_deref()).plan) {
        Some(plan) => checkpoints::place(&root, &plan),
        None => Some(checkpoints::usual_place(&root)),
    })
}

fn known(place: &Place) -> Result<checkpoints::Known, Failure> {
    checkpoints_of(place)?.map_or_else(|| Ok(checkpoints::Known::default()), |place| place.known())
}

fn verify(place: &Place, format: Format) -> Outcome {
    // A log that cannot even be opened is one whose chain does not hold.
    let broken = |failure: Failure| {
        if failure.code == code::STORE_DAMAGED.id { Failure { code: code::LOG_BROKEN.id, ..failure } } else { failure }
    };
    let known = known(place)?;
    let answer = super::ask(place, Request::Verify { standing: known.standing() }, false).map_err(broken)?;
    match format {
        Format::Json => say!("{answer}"),
        Format::Human => {
            let number = |name: &str| answer.get(name).and_then(Json::as_u64).unwrap_or(0);
            let (events, segments) = (counted(number("events"), "event"), counted(number("segments"), "segment"));
            say!("the chain holds: {events} in {segments}, head {}", text(&answer, "head"));
            if number("archived") > 0 {
                say!("  events 1 to {} are archived: verify them where they are (`tradewind status`)", number("archived"));
            }
            match known.signed.last() {
                None => say!("  nobody has signed a checkpoint of it yet"),
                Some(last) => {
                    let last = checkpoints::told(&last.checkpoint);
                    say!("  it meets {}, the last of {last}", counted(number("checkpoints"), "signed checkpoint"));
                }
            }
        }
    }
    Ok(Exit::Fine)
}

fn verify_file(file: &Path, key: Option<&str>, format: Format) -> Outcome {
    let wanted = key.map(|text| {
        let refused = || {
            Failure::new(Exit::Usage, &code::USAGE, format!("`{text}` is no public key"))
                .help("64 digits, as `tradewind log key` prints them")
        };
        PublicKey::parse(text).ok_or_else(refused)
    });
    let wanted = wanted.transpose()?;
    let opened = File::open(file)
        .map_err(|error| Failure::new(Exit::Tool, &code::CANNOT_READ, format!("`{}` cannot be read: {error}", file.display())))?;
    let report = export::verify(BufReader::with_capacity(1 << 20, opened), wanted).map_err(|damage| {
        Failure::new(Exit::Tool, &code::EXPORT_DAMAGED, format!("`{}` is not what was exported: {damage}", file.display()))
            .help("take another copy of it; what is before that place was found to be whole")
    })?;
    if wanted.is_some() && report.key.is_none() {
        let failure =
            Failure::new(Exit::Tool, &code::EXPORT_DAMAGED, format!("`{}` holds no checkpoint, so nobody has signed it", file.display()));
        return Err(failure.help("export it again behind a checkpoint, or verify it without --key"));
    }
    let signed_by = report.key.map(|key| key.to_string());
    match format {
        Format::Json => say!(
            "{}",
            json!({
                "version": 1, "events": report.events(), "first": report.header.from, "last": report.last, "segments": report.segments,
                "head": report.head.to_string(), "checkpoints": report.checkpoints, "signed_by": signed_by, "bytes": report.bytes,
            })
        ),
        Format::Human => {
            let (events, segments) = (counted(report.events(), "event"), counted(report.segments, "segment"));
            say!("the export is whole: {events} in {segments}, head {}", report.head);
            match signed_by {
                None => say!("  nobody has signed a checkpoint of it"),
                Some(by) => say!("  it meets {}, signed by {by}", counted(report.checkpoints, "checkpoint")),
            }
        }
    }
    Ok(Exit::Fine)
}

fn export(place: &Place, file: &Path, format: Format) -> Outcome {
    // Whoever holds the store writes it, wherever that process stands.
    let file = std::path::absolute(file)
        .map_err(|error| Failure::new(Exit::Usage, &code::USAGE, format!("`{}` names no file: {error}", file.display())))?;
    let known = known(place)?;
    let answer = super::ask(place, Request::Export { file: file.clone(), lines: known.lines }, false)?;
    match format {
        Format::Json => say!("{answer}"),
        Format::Human => {
            let number = |name: &str| answer.get(name).and_then(Json::as_u64).unwrap_or(0);
            let (events, checkpoints, bytes) = (number("events"), number("checkpoints"), number("bytes"));
            let (events, checkpoints) = (counted(events, "event"), counted(checkpoints, "checkpoint"));
            say!("{} holds {events} and {checkpoints}, {bytes} bytes, head {}", file.display(), text(&answer, "head"));
            tell!("verify it wherever it goes: tradewind log verify {}", file.display());
        }
    }
    Ok(Exit::Fine)
}

fn archive(place: &Place, file: &Path, older_than: &str, format: Format) -> Outcome {
    let refused =
        || Failure::new(Exit::Usage, &code::USAGE, format!("`{older_than}` is no span of time")).help("write `90d`, `12h` or `0s`");
    let span = literal::duration(older_than).filter(|span| *span >= 0).ok_or_else(refused)?;
    let file = std::path::absolute(file)
        .map_err(|error| Failure::new(Exit::Usage, &code::USAGE, format!("`{}` names no file: {error}", file.display())))?;
    let Some(checkpoints) = checkpoints_of(place)? else {
        return Err(Failure::new(Exit::Usage, &code::USAGE, "this environment keeps no log").help("name another with --environment"));
    };
    let (_, plan) = super::plan_of(place)?;
    let before = SystemClock.now().saturating_sub(span);
    let written = super::ask(place, Request::Archive { file: file.clone(), before }, false)?;
    let number = |name: &str| written.get(name).and_then(Json::as_u64).unwrap_or(0);
    let head = checkpoint::digest(&text(&written, "head")).unwrap_or_default();
    let (from, last) = (number("first"), number("last"));
    let line = checkpoints.signer_or_new()?.sign(&checkpoint::of(&plan.project.name, 0, last, head, SystemClock.now()));
    let anchor = Anchor { shard: 0, from, last, head, file: file.display().to_string(), line };
    let pruned = super::ask(place, Request::Prune { anchor }, false)?;
    match format {
        Format::Json => say!("{}", json!({ "version": 1, "first": from, "last": last, "file": file, "archived": pruned.get("archived") })),
        Format::Human => {
            say!("events {from} to {last} are archived in {}", file.display());
            tell!("keep it there: what needs those events reads them in it");
        }
    }
    Ok(Exit::Fine)
}

fn key(place: &Place, format: Format) -> Outcome {
    let (_, plan) = super::plan_of(place)?;
    let root = Repository::root(place)?;
    let key = match checkpoints::place(&root, &plan) {
        Some(place) => place.key()?,
        None => None,
    };
    match (key, format) {
        (Some(key), Format::Human) => say!("{key}"),
        (key, Format::Json) => say!("{}", json!({ "version": 1, "key": key.map(|key| key.to_string()) })),
        (None, Format::Human) => tell!("no key was made yet: the first command that writes to the store makes one"),
    }
    Ok(Exit::Fine)
}

fn accept(place: &Place, by: &str, reason: &str) -> Outcome {
    let (repository, plan) = super::plan_of(place)?;
    let Some(checkpoints) = checkpoints::place(&repository.root, &plan) else {
        return Err(Failure::new(Exit::Usage, &code::USAGE, "this environment keeps no log").help("name another with --environment"));
    };
    let (events, last) = super::block_on(async {
        let folder = session::state_folder(&repository, &plan);
        let store = session::open_store(&plan.project.store, &repository.root, &folder).await?;
        let accepted = checkpoints.accept(&plan.project.name, &*store, by, reason).await;
        store.close().await.map_err(session::store_failure)?;
        accepted
    })??;
    match last {
        None => say!("the log goes on from event {events}"),
        Some(last) => say!("the log goes on from event {events}; it had been signed up to {}", checkpoints::told(&last)),
    }
    Ok(Exit::Fine)
}

fn events(place: &Place, options: &Log) -> Outcome {
    let answer = super::ask(place, Request::Log { from: options.from, limit: options.limit, run: options.run.clone() }, false)?;
    if options.format == Format::Json {
        say!("{answer}");
        return Ok(Exit::Fine);
    }
    let events = answer.get("events").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    for event in events {
        let run: String = text(event, "run").chars().take(12).collect();
        let seq = event.get("seq").and_then(Json::as_u64).unwrap_or(0);
        say!(
            "{seq:>8}  {}  {run:<12}  {:<12}  {:<18}  {}",
            text(event, "at"),
            text(event, "step"),
            text(event, "kind"),
            text(event, "about")
        );
    }
    // The desk gives at most so many at once, whatever was asked for.
    let last = events.last().and_then(|event| event.get("seq")).and_then(Json::as_u64);
    if let Some(last) = last.filter(|_| events.len() >= options.limit.min(MOST_EVENTS)) {
        tell!("there may be more: --from {}", last + 1);
    }
    Ok(Exit::Fine)
}

//! `serve`: works until it is asked to end. It takes up unfinished runs, listens for commands and HTTP, and follows the files.

use crate::arguments::{Place, Serve};
use crate::exit::{Exit, Failure, Outcome};
use crate::follow;
use crate::handed;
use crate::host::{Host, Stage};
use crate::http::{self, Push};
use crate::interrupts::Interrupts;
use crate::last_plan::{self, Known};
use crate::output::tell;
use crate::reload;
use crate::render;
use crate::repository::Repository;
use crate::session::{Options, Session, state_folder, store_failure};
use crate::snapshot::{Snapshot, Taken, take};
use serde_json::Value as Json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tradewind_engine::engine::Engine;
use tradewind_lang::code::run as code;
use tradewind_lang::compile::Generation;
use tradewind_lang::plan::Plan;
use tradewind_source::Bell;

/// How often files that change while they are read are read before it is given up.
const TRIES: usize = 50;

pub(crate) fn run(place: &Place, options: &Serve) -> Outcome {
    let repository = Repository::open(place)?;
    let first = first(&repository.root, place.environment.as_deref())?;
    super::block_on(work(&repository, place, options, first))?
}

/// The files of now, all of one moment.
fn first(root: &Path, environment: Option<&str>) -> Result<Box<Snapshot>, Failure> {
    for _ in 0..TRIES {
        match take(root, environment, Generation::default()) {
            Taken::Stable(snapshot) => return Ok(snapshot),
            Taken::Unreadable(failure) => return Err(failure),
            Taken::Changing => std::thread::sleep(Duration::from_millis(100)),
        }
    }
    Err(Failure::new(Exit::Tool, &code::CANNOT_READ, "the files change all the time").help("serve when they are as they should be"))
}

/// The plan of the files; where they have mistakes, the one that was adopted last.
async fn plan_of(repository: &Repository, snapshot: &Snapshot) -> Result<Plan, Failure> {
    if let Some(plan) = &snapshot.compiled.plan {
        return Ok(plan.clone());
    }
    render::diagnostics(&snapshot.compiled);
    match last_plan::find(repository).await? {
        Known::Plan(plan) => Ok(*plan),
        Known::Served(folder) => Err(served(&handed::status(&folder).await.unwrap_or_default())),
        Known::Nothing => Err(Failure::new(Exit::Mistakes, &code::CONFIGURATION, "the repository has mistakes, so nothing was done")
            .help("mend them: `tradewind check`")),
    }
}

fn served(status: &Json) -> Failure {
    let process = status.get("process").and_then(Json::as_u64).unwrap_or(0);
    Failure::new(Exit::Tool, &code::SERVED, format!("process {process} serves this repository already"))
        .help("`tradewind status` says how it stands; every command reaches it")
}

async fn work(repository: &Repository, place: &Place, options: &Serve, first: Box<Snapshot>) -> Outcome {
    let mut interrupts = Interrupts::listen()?;
    let plan = Arc::new(plan_of(repository, &first).await?);
    if let Some(status) = handed::status(&state_folder(repository, &plan)).await {
        return Err(served(&status));
    }
    let Some(source) = plan.project.source.clone() else {
        let session = open(repository, (plan, None), options).await?;
        match &first.compiled.plan {
            None => drop(reload::refuse_mistakes(&session.0, &first.compiled)),
            Some(wanted) => {
                let stage = if session.1.engine.active().digest == wanted.digest() { Stage::Applied } else { Stage::RolledBack };
                session.0.note(stage, Some(wanted.digest()), None);
            }
        }
        let environment = place.environment.clone();
        let keep = move |host, engine| tokio::spawn(reload::keep(host, engine, environment, Some(first)));
        return serve(session, options, None, keep, interrupts).await;
    };
    if first.compiled.plan.is_none() {
        return Err(Failure::new(
            Exit::Mistakes,
            &code::CONFIGURATION,
            "the served folder has mistakes, and says which source is followed",
        )
        .help("mend them: `tradewind check`"));
    }
    let secrets = follow::secrets_of(&plan);
    let push = source.webhook.clone().map(|secret| Push { secret, secrets, bell: Bell::default() });
    let bell = push.as_ref().map(|push| push.bell.clone()).unwrap_or_default();
    let environment = place.environment.clone();
    let beginning = tokio::select! {
        beginning = follow::begin(repository, &plan, source, environment.as_deref()) => beginning?,
        interrupted = interrupts.next() => return Ok(if interrupted { Exit::Interrupted } else { Exit::Fine }),
    };
    let follow::Beginning { follower, plan, wanted_by, repository } = beginning;
    let session = open(&repository, (Arc::new(plan), wanted_by), options).await?;
    session.0.note(Stage::Applied, Some(session.1.engine.active().digest), None);
    let keep = move |host, engine| tokio::spawn(follow::keep(host, engine, environment, follower, bell));
    serve(session, options, push, keep, interrupts).await
}

/// A plan, and whose it is.
type Whose = (Arc<Plan>, Option<String>);

async fn open(repository: &Repository, (plan, wanted_by): Whose, options: &Serve) -> Result<(Arc<Host>, Session), Failure> {
    let host = Arc::new(Host::new(repository.root.clone()));
    let work = Options::work(false, usize::from(options.in_flight));
    let session = Session::of(repository, plan, work, Some(host.clone()), wanted_by.as_deref()).await?;
    Ok((host, session))
}

/// Serves until it is asked to end; `keep` begins to keep the engine at the newest plan.
async fn serve(
    (host, session): (Arc<Host>, Session),
    options: &Serve,
    push: Option<Push>,
    keep: impl FnOnce(Arc<Host>, Engine) -> JoinHandle<()>,
    mut interrupts: Interrupts,
) -> Outcome {
    let http = match options.no_http {
        true => None,
        false => match http::listen(options.listen, session.desk(), push).await {
            Ok(listening) => Some(listening),
            Err(failure) => {
                session.close().await?;
                return Err(failure);
            }
        },
    };
    let at = http.as_ref().map_or_else(|| "no HTTP".to_owned(), |http| format!("http://{}", http.address));
    if let Some(http) = &http {
        // It is set once, here.
        let _ = host.address.set(http.address);
    }
    let active = session.engine.active();
    tell!("serving {} with plan {}: {at}, and every command from its folder", host.root.display(), active.digest.short());
    let keeping = keep(host, session.engine.clone());
    let interrupted = tokio::select! {
        interrupted = interrupts.next() => interrupted,
        () = stopped(&session) => false,
    };
    keeping.abort();
    end(session, http, Duration::from_secs(options.grace), &mut interrupts).await?;
    Ok(if interrupted { Exit::Interrupted } else { Exit::Fine })
}

/// Returns when the store has failed.
async fn stopped(session: &Session) {
    let mut progress = session.engine.subscribe().progress;
    // An error: the loop has ended, whatever it said.
    let _ = progress.wait_for(|progress| progress.stopped.is_some()).await;
}

/// Takes nothing new; lets what is under way come to its end for a while; a second signal ends the wait.
async fn end(
    mut session: Session,
    http: Option<tradewind_server::Listening>,
    grace: Duration,
    interrupts: &mut Interrupts,
) -> Result<(), Failure> {
    tell!("ending: what is under way may take {} s to its end; nothing is lost either way", grace.as_secs());
    session.stop_listening();
    let settling = async {
        if let Some(http) = http {
            http.end().await;
        }
        session.engine.wait_idle().await
    };
    tokio::select! {
        settled = tokio::time::timeout(grace, settling) => match settled {
            Ok(Ok(())) => {}
            // The reason is told when the session is closed.
            Ok(Err(error)) => tracing::debug!("the engine ended: {}", store_failure(error).message),
            Err(_) => tell!("not all came to its end in time: the next process takes it up"),
        },
        _ = interrupts.next() => {}
    }
    session.close().await?;
    tell!("ended in order");
    Ok(())
}

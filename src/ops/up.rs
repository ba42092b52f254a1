//! After a deploy: follows what the services print, until they have all ended or somebody wants them stopped.

use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};

use crate::engine::events::Action as Happened;
use crate::error::{Exit, Failure, Kind};
use crate::ops::Context;
use crate::ops::failure::engine_failure;
use crate::ops::lifecycle::{Action, Lifecycle};
use crate::ops::logs::{self, Until};
use crate::ops::project::View;
use crate::ops::session::received;
use crate::plan::labelled;
use crate::plan::observed::State;

/// Which end of a container ends all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Abort {
    Never,
    OnExit,
    OnFailure,
    /// Any end; the exit code is that of the service.
    ExitCodeFrom(String),
}

/// How the services are followed.
#[derive(Debug, Clone)]
pub struct Options {
    pub abort: Abort,
    pub timestamps: bool,
    pub prefix: bool,
    /// Only the output of these services; empty means all of the scope.
    pub attach: Vec<String>,
    pub no_attach: Vec<String>,
    /// When the deploy began: only what was printed since then is shown.
    pub since: Timestamp,
}

/// Why the services are not followed any more.
enum End {
    /// All have ended, or nobody reads.
    Done,
    /// The end of a container ends all.
    Aborted {
        service: String,
        code: i64,
    },
    Interrupted,
}

/// Shows what the services in scope print. Ctrl-C stops them; so does the end of a container where that is asked for.
///
/// # Errors
/// An interrupt, after the services are stopped (exit code 130); those of the engine.
pub async fn follow(context: &Context, options: Options) -> Result<Exit, Failure> {
    let shown = logs::Options {
        tail: None,
        since: Some(options.since),
        until: None,
        follow: Some(Until::AllEnd),
        timestamps: options.timestamps,
        prefix: options.prefix,
        only: options.attach.clone(),
        without: options.no_attach.clone(),
    };
    let end = tokio::select! {
        shown = logs::show(context, &shown) => shown.map(|()| End::Done),
        aborted = aborted(context, &options.abort) => aborted,
        () = interrupted() => Ok(End::Interrupted),
    };
    match end? {
        End::Done => Ok(Exit::Success),
        End::Aborted { service, code } => {
            context.ui.note(&format!("{service} ended with exit code {code}: stopping all"));
            stop(context).await?;
            let code = match &options.abort {
                Abort::ExitCodeFrom(from) if *from != service => exit_code_of(context, from).await?,
                _ => code,
            };
            Ok(Exit::Command(u8::try_from(code).unwrap_or(u8::MAX)))
        }
        End::Interrupted => {
            context.ui.note("stopping; a second Ctrl-C ends the wait");
            stop(context).await?;
            Err(Failure::new(Kind::Interrupted, "interrupted: the services are stopped"))
        }
    }
}

async fn stop(context: &Context) -> Result<(), Failure> {
    Lifecycle::new(context, Action::Stop { grace: None })?.run().await
}

/// Waits for the end of a container that ends all.
async fn aborted(context: &Context, abort: &Abort) -> Result<End, Failure> {
    if *abort == Abort::Never {
        return std::future::pending().await;
    }
    let ends_all = |code: i64| *abort != Abort::OnFailure || code != 0;
    let live = context.live_project(View::Project).await?;
    // Subscribed before the list, so that no end is missed between the two.
    let mut events = live.engine.events(&live.project, None).await.map_err(engine_failure)?;
    let live = live.again(context, View::Project).await?;
    let jobs = labelled::jobs(&live.observed.containers);
    for container in live.scope.pick(&live.observed.containers) {
        if let State::Exited(code) = container.state
            && ends_all(code)
            && !container.oneoff
            && !jobs.contains(container.service.as_str())
        {
            return Ok(End::Aborted { service: container.service.clone(), code });
        }
    }
    while let Some(event) = events.next().await {
        let event = event.map_err(engine_failure)?;
        if let Happened::Die(code) = event.action
            && ends_all(code)
            && live.scope.holds(&event.service)
        {
            return Ok(End::Aborted { service: event.service, code });
        }
    }
    Ok(End::Done)
}

async fn exit_code_of(context: &Context, service: &str) -> Result<i64, Failure> {
    let live = context.live_project(View::Project).await?;
    let mut own = live.observed.containers.iter().filter(|container| container.service == service);
    let code = own.find_map(|container| match container.state {
        State::Exited(code) if !container.oneoff => Some(code),
        _ => None,
    });
    code.ok_or_else(|| Failure::new(Kind::Failed, format!("service `{service}` has no exit code")))
}

async fn interrupted() {
    let [mut interrupt, mut terminate] =
        [SignalKind::interrupt(), SignalKind::terminate()].map(|kind| signal(kind).ok());
    tokio::select! {
        () = received(&mut interrupt) => {}
        () = received(&mut terminate) => {}
    }
}

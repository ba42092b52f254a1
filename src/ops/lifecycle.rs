//! The verbs that read no files: stop, start, restart, down, kill, rm, volume rm. Each makes a plan from the containers' labels and runs it.

use std::time::{Duration, Instant};

use futures_util::future::try_join;

use crate::compose::load;
use crate::compose::model::Project;
use crate::docker::state::Store;
use crate::engine::Engine;
use crate::error::Failure;
use crate::ops::Context;
use crate::ops::confirm::{Confirmation, Harm};
use crate::ops::execution::Execution;
use crate::ops::lock::{ProjectLock, cancel_holder, is_held};
use crate::ops::project::{LiveProject, View};
use crate::ops::records;
use crate::ops::session::Session;
use crate::ops::volumes;
use crate::plan::operation::Plan;
use crate::plan::{self, down, rm};
use crate::settings::WAIT_TIMEOUT;
use crate::state::Fence;
use crate::ui::event::Event;

/// What is done to the containers in scope. `grace` overrides their own grace periods.
#[derive(Debug, Clone)]
pub enum Action {
    Stop {
        grace: Option<Duration>,
    },
    Start {
        wait_timeout: Option<Duration>,
    },
    Restart {
        grace: Option<Duration>,
        wait_timeout: Option<Duration>,
    },
    Down(Down),
    Kill {
        signal: String,
    },
    /// `stop`: running containers too. `volumes`: their anonymous volumes too.
    Remove {
        stop: bool,
        volumes: bool,
        grace: Option<Duration>,
    },
    /// The words of the command name volumes.
    RemoveVolumes,
}

/// What a `down` removes.
#[derive(Debug, Clone, Default)]
pub struct Down {
    pub volumes: Volumes,
    pub images: down::Images,
    pub remove_orphans: bool,
    pub grace: Option<Duration>,
}

/// Whether a `down` removes volumes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Volumes {
    /// As the mode says; without one they are kept.
    #[default]
    ByMode,
    Remove,
    Keep,
}

/// A verb over the containers of a project.
pub struct Lifecycle<'a> {
    context: &'a Context,
    action: Action,
    /// The model of the files, which tells orphans from services.
    files: Option<Project>,
    started: Instant,
}

impl<'a> Lifecycle<'a> {
    /// Prepares the verb.
    ///
    /// # Errors
    /// With `down --remove-orphans` of some services, everything that is wrong with the files.
    pub fn new(context: &'a Context, action: Action) -> Result<Lifecycle<'a>, Failure> {
        let started = Instant::now();
        let files = match &action {
            // Everything includes the orphans, so no files are needed to find them.
            Action::Down(Down { remove_orphans: true, .. }) if !context.acts_on_everything() => {
                Some(context.load(load::Options::default())?.loaded.project)
            }
            _ => None,
        };
        Ok(Lifecycle { context, action, files, started })
    }

    /// The plan; nothing is changed.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn plan(&self) -> Result<Plan, Failure> {
        Ok(self.plan_for(&self.look().await?))
    }

    /// The project on its engine, and the scope of the command.
    async fn look(&self) -> Result<LiveProject, Failure> {
        match self.action {
            Action::RemoveVolumes => {
                let live = self.context.found_project(self.action.view()).await?;
                volumes::refuse_to_remove(&live, &self.context.settings.words.services)?;
                Ok(live)
            }
            _ => self.context.live_project(self.action.view()).await,
        }
    }

    /// Makes the plan and runs it.
    ///
    /// # Errors
    /// The run's failure, with what is left.
    pub async fn run(self) -> Result<(), Failure> {
        let live = self.look().await?;
        let plan = self.plan_for(&live);
        let held = self.action.cancels_holder() && is_held(&live).await?;
        if plan.operations.is_empty() && !held {
            self.context.ui.note(&format!("{}: {}", live.project, self.action.idle()));
            plan.notes.iter().for_each(|note| self.context.ui.note(note));
            return Ok(());
        }
        let harm = self.action.harm().into_iter().collect();
        let confirmation = Confirmation::new(harm, plan.clone(), live.observed.clone());
        confirmation.ask(self.context, &live.engine).await?;
        let session = Session::open(&self.context.ui);
        let title = format!("{} {}", self.action.verb(), live.project);
        let _ = session.events.send(Event::Begin { title, deadline: None });
        let outcome = if plan.changes_nothing() && !held {
            self.execute(&live, &plan, None, &session).await
        } else if self.action.cancels_holder() {
            self.run_after_cancel(&live, &session).await
        } else {
            self.run_locked(&live, &plan, &confirmation, &session).await
        };
        session.close().await;
        outcome
    }

    /// Asks the holder of the lock to cancel, then runs a new plan without the lock: a stop does not wait behind a deploy.
    async fn run_after_cancel(&self, live: &LiveProject, session: &Session) -> Result<(), Failure> {
        cancel_holder(self.context, live, self.action.verb(), session).await?;
        let live = live.again(self.context, self.action.view()).await?;
        self.execute(&live, &self.plan_for(&live), None, session).await
    }

    /// Plans again under the lock and runs that plan.
    async fn run_locked(
        &self,
        live: &LiveProject,
        plan: &Plan,
        confirmation: &Confirmation,
        session: &Session,
    ) -> Result<(), Failure> {
        let verb = self.action.verb();
        let lock = ProjectLock::take(self.context, &live.engine, &live.project, verb, session).await?;
        let work = async {
            let note = async { Ok(note_of_unfinished_run(&live.engine, &live.project).await) };
            let again = async {
                match self.action {
                    Action::RemoveVolumes => self.look().await,
                    _ => live.again(self.context, self.action.view()).await,
                }
            };
            let (live, note) = try_join(again, note).await?;
            if let Some(note) = note {
                session.note(note);
            }
            let again = self.plan_for(&live);
            confirmation.still_holds(self.context, &again)?;
            session.note_new_plan(plan, &again);
            self.execute(&live, &again, Some(lock.fence()), session).await
        };
        let outcome = lock.guard(work, session).await;
        lock.release(outcome, session).await
    }

    async fn execute(
        &self,
        live: &LiveProject,
        plan: &Plan,
        fence: Option<Fence>,
        session: &Session,
    ) -> Result<(), Failure> {
        let wait = self.wait_timeout();
        let execution = Execution::new(&live.engine, plan, &live.observed, wait, self.started);
        let execution = Execution { fence, ..execution };
        execution.run(self.context, session).await.report(self.started, session)
    }

    fn plan_for(&self, live: &LiveProject) -> Plan {
        let LiveProject { project, observed, scope, .. } = live;
        let settings = &self.context.settings;
        match &self.action {
            Action::Stop { grace } => plan::stop(project, observed, scope, *grace),
            Action::Start { .. } => plan::start(project, observed, scope),
            Action::Restart { grace, .. } => {
                plan::restart(project, observed, scope, &settings.backend, *grace)
            }
            Action::Kill { signal } => plan::kill(project, observed, scope, signal),
            Action::Remove { stop, volumes, grace } => {
                let scope = scope.clone();
                let policy = rm::Policy { scope, stop: *stop, volumes: *volumes, grace: *grace };
                rm::rm(project, observed, &policy)
            }
            Action::RemoveVolumes => plan::volumes::remove(project, observed, &settings.words.services),
            Action::Down(down) => {
                let mode_removes = settings.mode.as_ref().is_some_and(|mode| mode.down_volumes);
                let scope = match &self.files {
                    Some(files) => scope.with_orphans(files, &observed.containers),
                    None => scope.clone(),
                };
                let volumes = match down.volumes {
                    Volumes::ByMode => mode_removes,
                    Volumes::Remove => true,
                    Volumes::Keep => false,
                };
                let policy = down::Policy { scope, volumes, grace: down.grace, images: down.images };
                down::down(project, observed, &policy)
            }
        }
    }

    fn wait_timeout(&self) -> Duration {
        match &self.action {
            Action::Start { wait_timeout } | Action::Restart { wait_timeout, .. } => {
                self.context.settings.wait_timeout(*wait_timeout)
            }
            Action::Stop { .. } | Action::Down(_) | Action::Kill { .. } => WAIT_TIMEOUT,
            Action::Remove { .. } | Action::RemoveVolumes => WAIT_TIMEOUT,
        }
    }
}

impl Action {
    fn verb(&self) -> &'static str {
        match self {
            Action::Stop { .. } => "stop",
            Action::Start { .. } => "start",
            Action::Restart { .. } => "restart",
            Action::Down(_) => "down",
            Action::Kill { .. } => "kill",
            Action::Remove { .. } => "rm",
            Action::RemoveVolumes => "volume rm",
        }
    }

    /// What is said where the plan is empty.
    fn idle(&self) -> &'static str {
        match self {
            Action::Stop { .. } => "nothing to stop",
            Action::Start { .. } => "nothing to start; everything runs",
            Action::Restart { .. } => "nothing to restart",
            Action::Kill { .. } => "no container runs",
            Action::Down(_) | Action::Remove { .. } | Action::RemoveVolumes => "nothing to remove",
        }
    }

    /// `down` looks at the containers of other projects too, since they may use its networks and volumes.
    fn view(&self) -> View {
        match self {
            Action::Down(_) | Action::RemoveVolumes => View::Engine,
            Action::Stop { .. } | Action::Start { .. } | Action::Restart { .. } => View::Project,
            Action::Kill { .. } | Action::Remove { .. } => View::Project,
        }
    }

    /// Whether the verb asks the holder of the lock to cancel, in place of taking the lock.
    fn cancels_holder(&self) -> bool {
        match self {
            Action::Stop { .. } | Action::Kill { .. } => true,
            Action::Start { .. } | Action::Restart { .. } | Action::Down(_) => false,
            Action::Remove { .. } | Action::RemoveVolumes => false,
        }
    }

    fn harm(&self) -> Option<Harm> {
        match self {
            Action::Down(_) => Some(Harm::Down),
            Action::Kill { .. } => Some(Harm::Kill),
            Action::Remove { .. } => Some(Harm::Remove),
            Action::RemoveVolumes => Some(Harm::RemoveVolumes),
            Action::Stop { .. } | Action::Start { .. } | Action::Restart { .. } => None,
        }
    }
}

/// The note about an unfinished run. The records are read only where the mark exists, since that costs an old engine a mount;
/// records that cannot be read block no verb that works from labels.
async fn note_of_unfinished_run(engine: &Engine, project: &str) -> Option<String> {
    if !Store::of(engine, project).is_marked_unfinished().await.unwrap_or(true) {
        return None;
    }
    let found = Store::of(engine, project).read().await.ok()?;
    records::unfinished(project, &found.or_empty().head)
}

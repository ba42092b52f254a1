//! Asking before harm: what a protected mode asks before, and the data that a plan removes, by name, in every mode. No lock is held
//! while the operator thinks.

use std::collections::BTreeMap;
use std::fmt;

use crate::compat::argv::quote;
use crate::compat::bytes;
use crate::engine::Engine;
use crate::error::{Failure, Kind};
use crate::ops::Context;
use crate::ops::deployment::Options;
use crate::ops::failure::engine_failure;
use crate::plan::Recreate;
use crate::plan::action::{Action, ContainerRef};
use crate::plan::observed::{Container, Observed, is_anonymous_volume};
use crate::plan::operation::Plan;
use crate::settings::Mode;
use crate::ui::plan::render;
use crate::ui::prompt::Answer;

/// What a protected mode asks before: a verb, or an option of a deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Harm {
    Down,
    Kill,
    Remove,
    RemoveVolumes,
    ForceRecreate,
    RenewVolumes,
    RemoveOrphans,
    /// A service is scaled to zero.
    ScaleToZero(String),
}

impl Harm {
    /// The harm that the options of a deploy can do.
    pub fn of_options(options: &Options) -> Vec<Harm> {
        let policy = &options.policy;
        let asked = [
            (policy.recreate == Recreate::Force && !policy.renew_volumes, Harm::ForceRecreate),
            (policy.renew_volumes, Harm::RenewVolumes),
            (policy.remove_orphans, Harm::RemoveOrphans),
        ];
        let asked = asked.into_iter().filter_map(|(said, harm)| said.then_some(harm));
        let zero = options.scale.iter().filter(|scale| scale.count == 0);
        asked.chain(zero.map(|scale| Harm::ScaleToZero(scale.service.clone()))).collect()
    }
}

/// As it is typed.
impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Harm::Down => f.write_str("`down`"),
            Harm::Kill => f.write_str("`kill`"),
            Harm::Remove => f.write_str("`rm`"),
            Harm::RemoveVolumes => f.write_str("`volume rm`"),
            Harm::ForceRecreate => f.write_str("`--force-recreate`"),
            Harm::RenewVolumes => f.write_str("`--renew-anon-volumes`"),
            Harm::RemoveOrphans => f.write_str("`--remove-orphans`"),
            Harm::ScaleToZero(service) => write!(f, "`{service}=0`"),
        }
    }
}

impl Context {
    /// The protected mode that asks before this harm, where one does.
    fn asking_mode(&self, harm: &[Harm]) -> Option<&Mode> {
        let asks = !harm.is_empty() && !self.settings.yes;
        self.settings.mode.as_ref().filter(|mode| asks && mode.protected)
    }

    /// Whether the operator is asked before this harm.
    pub fn asks_before(&self, harm: &[Harm]) -> bool {
        self.asking_mode(harm).is_some()
    }
}

/// A plan that the operator may have to confirm.
pub struct Confirmation {
    harm: Vec<Harm>,
    plan: Plan,
    /// What the engine had when the plan was made.
    observed: Observed,
}

impl Confirmation {
    pub fn new(harm: Vec<Harm>, plan: Plan, observed: Observed) -> Confirmation {
        Confirmation { harm, plan, observed }
    }

    /// Lists the data that the plan removes, and in a protected mode asks.
    ///
    /// # Errors
    /// The answer is no, nobody can be asked, or the project changed while the operator thought: exit code 5. Ctrl-C: 130. Nothing
    /// was changed.
    pub async fn ask(&self, context: &Context, engine: &Engine) -> Result<(), Failure> {
        let removed = self.removed_data(engine).await;
        let Some(mode) = self.asking_mode(context) else {
            context.ui.notice(&removed);
            return Ok(());
        };
        let harm = self.harm.iter().map(Harm::to_string).collect::<Vec<_>>().join(" and ");
        if !context.ui.can_ask() {
            let message =
                format!("mode `{}` is protected and asks before {harm}, but there is no terminal", mode.name);
            return Err(Failure::new(Kind::Refused, message)
                .hint(format!("to confirm, run: {}", with_yes(&context.settings.line))));
        }
        context.ui.print_to_stderr(&format!("{}{removed}", render(&self.plan, false)));
        let question =
            format!("{harm} in project `{}` of the protected mode `{}`?", self.plan.project, mode.name);
        match context.ui.ask(&question).await {
            Answer::Yes => self.is_unchanged(engine).await,
            Answer::No => Err(Failure::new(Kind::Refused, "not confirmed; nothing was changed")),
            Answer::Interrupted => Err(Failure::new(Kind::Interrupted, "interrupted; nothing was changed")),
        }
    }

    /// The protected mode, where it asks about this plan.
    fn asking_mode<'b>(&self, context: &'b Context) -> Option<&'b Mode> {
        context.asking_mode(&self.harm).filter(|_| !self.plan.changes_nothing())
    }

    /// Refuses to run another plan than the confirmed one, where the operator was asked.
    ///
    /// # Errors
    /// Exit code 5. Nothing was changed.
    pub fn still_holds(&self, context: &Context, now: &Plan) -> Result<(), Failure> {
        if now.same_operations(&self.plan) || self.asking_mode(context).is_none() {
            Ok(())
        } else {
            Err(changed_since())
        }
    }

    /// Refuses where the containers changed since the plan was made: a person may think for long.
    async fn is_unchanged(&self, engine: &Engine) -> Result<(), Failure> {
        let now = engine.observe_project(&self.plan.project).await.map_err(engine_failure)?;
        let states = |containers: &[Container]| -> Vec<_> {
            containers.iter().map(|container| (container.id.clone(), container.state.clone())).collect()
        };
        if states(&now.containers) == states(&self.observed.containers) {
            return Ok(());
        }
        Err(changed_since())
    }

    /// The list of the data that the plan removes; empty where it removes none.
    async fn removed_data(&self, engine: &Engine) -> String {
        let removed = removed_volumes(&self.plan, &self.observed);
        if removed.is_empty() {
            return String::new();
        }
        // Without sizes the list is still useful.
        listed(&removed, &engine.volume_sizes().await.unwrap_or_default())
    }
}

fn changed_since() -> Failure {
    let message = "the project changed after the plan was shown; nothing was changed by this command";
    Failure::new(Kind::Refused, message).hint("run the command again to see the new plan")
}

/// A volume that a plan removes, and the container of an anonymous one.
#[derive(Debug, PartialEq, Eq)]
struct RemovedVolume<'a> {
    volume: &'a str,
    of: Option<&'a str>,
}

/// The volumes that a plan removes: those that it names, and anonymous ones together with their containers.
fn removed_volumes<'a>(plan: &'a Plan, observed: &'a Observed) -> Vec<RemovedVolume<'a>> {
    let mut removed = Vec::new();
    for operation in &plan.operations {
        match &operation.action {
            // Listed with its container.
            Action::RemoveVolume { name } if is_anonymous_volume(name) => {}
            Action::RemoveVolume { name } => removed.push(RemovedVolume { volume: name, of: None }),
            Action::RemoveContainer {
                container: ContainerRef::Existing { id, .. }, volumes: true, ..
            } => {
                let found = observed.containers.iter().find(|container| container.id == *id);
                removed.extend(found.into_iter().flat_map(anonymous_volumes));
            }
            _ => {}
        }
    }
    removed
}

fn anonymous_volumes(container: &Container) -> impl Iterator<Item = RemovedVolume<'_>> {
    container.anonymous_volumes().map(|volume| RemovedVolume { volume, of: Some(&container.name) })
}

fn listed(removed: &[RemovedVolume<'_>], sizes: &BTreeMap<String, u64>) -> String {
    let mut text = String::from("data that will be removed:\n");
    for RemovedVolume { volume, of } in removed {
        let size = sizes.get(*volume).map_or_else(|| "size unknown".to_owned(), |size| bytes::format(*size));
        let of = of.map_or_else(String::new, |container| format!(", anonymous, of {container}"));
        text.push_str(&format!("  volume {volume} ({size}{of})\n"));
    }
    text
}

/// The typed command line with `--yes`.
fn with_yes(line: &[String]) -> String {
    let words: Vec<String> = line.iter().map(|word| quote(word)).collect();
    format!("sofa {} --yes", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::scale::Scale;
    use crate::plan::Policy;

    #[test]
    fn only_options_that_can_do_harm_are_asked_about() {
        assert!(Harm::of_options(&Options::default()).is_empty());
        let scale = ["web=0", "api=2"].map(|text| text.parse::<Scale>().unwrap()).to_vec();
        let policy = Policy { recreate: Recreate::Force, remove_orphans: true, ..Policy::default() };
        let options = Options { policy, scale, ..Options::default() };
        let harm: Vec<String> = Harm::of_options(&options).iter().map(Harm::to_string).collect();
        assert_eq!(harm, ["`--force-recreate`", "`--remove-orphans`", "`web=0`"]);
    }

    #[test]
    fn removed_volumes_are_listed_with_their_size_where_it_is_known() {
        let removed = [
            RemovedVolume { volume: "app_data", of: None },
            RemovedVolume { volume: "0f", of: Some("app-db-1") },
        ];
        let sizes = BTreeMap::from([("app_data".to_owned(), 12_345_678)]);
        assert_eq!(
            listed(&removed, &sizes),
            "data that will be removed:\n  volume app_data (11.8 MiB)\n  volume 0f (size unknown, anonymous, of app-db-1)\n"
        );
    }

    #[test]
    fn the_suggested_command_is_the_typed_one_with_yes() {
        let line = ["production", "down", "-C", "/my folder", "--volumes"].map(String::from);
        assert_eq!(with_yes(&line), "sofa production down -C '/my folder' --volumes --yes");
    }
}

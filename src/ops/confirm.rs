//! Asking before harm: what a protected mode asks before, and the data that a plan removes, by name, in every mode. No lock is held
//! meanwhile.

use std::collections::BTreeMap;

use crate::engine::Engine;
use crate::error::{Failure, Kind};
use crate::ops::Context;
use crate::ops::context::engine_failure;
use crate::ops::deployment::Choices;
use crate::plan::action::{Action, ContainerRef};
use crate::plan::observed::{Container, Observed, is_anonymous_volume};
use crate::plan::operation::Plan;
use crate::settings::Mode;
use crate::ui::plan::render;
use crate::ui::prompt::Answer;
use crate::util::argv::quote;
use crate::util::bytes;

/// The verbs that a protected mode asks before, whatever their options are.
const DESTRUCTIVE: [&str; 3] = ["down", "kill", "rm"];

/// A plan that is about to run, and what made it.
pub struct Deed<'a> {
    /// The engine that it changes.
    pub engine: &'a Engine,
    /// The plan.
    pub plan: &'a Plan,
    /// What the engine had when it was made.
    pub observed: &'a Observed,
    /// What of the command line a protected mode asks before; nothing, and it does not ask.
    pub harm: Vec<String>,
}

/// What a protected mode asks before when a verb is said.
pub fn harm_of_verb(verb: &str) -> Vec<String> {
    DESTRUCTIVE.iter().filter(|known| **known == verb).map(|verb| format!("`{verb}`")).collect()
}

/// What a protected mode asks before among the choices of a deploy.
pub fn harm_of_choices(choices: &Choices) -> Vec<String> {
    let options = [
        (choices.force_recreate, "--force-recreate"),
        (choices.renew_anon_volumes, "--renew-anon-volumes"),
        (choices.remove_orphans, "--remove-orphans"),
    ];
    let options = options.into_iter().filter(|(said, _)| *said).map(|(_, option)| format!("`{option}`"));
    let zero = choices.scale.iter().filter(|scale| scale.count == 0);
    options.chain(zero.map(|scale| format!("`{}=0`", scale.service))).collect()
}

/// Whether somebody is asked before something is done that changes anything.
pub fn asks(context: &Context, harm: &[String]) -> bool {
    let protected = context.settings.mode.as_ref().is_some_and(|mode| mode.protected);
    protected && !harm.is_empty() && !context.settings.yes
}

impl Deed<'_> {
    /// Lists the data that goes, and in a protected mode asks.
    ///
    /// # Errors
    /// A no, nobody to ask, or what runs is not what the question was about any more: exit code 5. Ctrl-C: 130. Nothing was done.
    pub async fn agreed(&self, context: &Context) -> Result<(), Failure> {
        let mode = self.asking_mode(context);
        let lost = self.lost_data().await;
        let Some(mode) = mode else {
            context.ui.notice(&lost);
            return Ok(());
        };
        let harm = self.harm.join(" and ");
        if !context.ui.can_ask() {
            let message =
                format!("mode `{}` is protected and asks before {harm}, but there is no terminal", mode.name);
            return Err(Failure::new(Kind::Refused, message)
                .hint(format!("to say yes: {}", with_yes(&context.settings.line))));
        }
        context.ui.tell(&format!("{}{lost}", render(self.plan, false)));
        let question =
            format!("{harm} in project `{}` of the protected mode `{}`?", self.plan.project, mode.name);
        match context.ui.ask(&question).await {
            Answer::Yes => self.still_as_shown().await,
            Answer::No => Err(Failure::new(Kind::Refused, "not confirmed; nothing was done")),
            Answer::Interrupted => Err(Failure::new(Kind::Interrupted, "interrupted; nothing was done")),
        }
    }

    /// The protected mode, where it asks.
    fn asking_mode<'b>(&self, context: &'b Context) -> Option<&'b Mode> {
        let asks = asks(context, &self.harm) && !self.plan.changes_nothing();
        context.settings.mode.as_ref().filter(|_| asks)
    }

    /// Refuses a plan that is another than the one that was agreed to, where it was asked about.
    ///
    /// # Errors
    /// Exit code 5. Nothing was done.
    pub fn agreed_again(&self, context: &Context, now: &Plan) -> Result<(), Failure> {
        if now.does_as(self.plan) || self.asking_mode(context).is_none() {
            Ok(())
        } else {
            Err(changed_since())
        }
    }

    /// Refuses a plan that was made from something else than what is there now: a person may think for long.
    async fn still_as_shown(&self) -> Result<(), Failure> {
        let now = self.engine.observe_project(&self.plan.project).await.map_err(engine_failure)?;
        let standing = |containers: &[Container]| -> Vec<_> {
            containers.iter().map(|container| (container.id.clone(), container.state.clone())).collect()
        };
        if standing(&now.containers) == standing(&self.observed.containers) {
            return Ok(());
        }
        Err(changed_since())
    }

    /// The list of the data that goes; empty where none does.
    async fn lost_data(&self) -> String {
        let lost = lost_volumes(self.plan, self.observed);
        if lost.is_empty() {
            return String::new();
        }
        // A list without sizes is still a list.
        listed(&lost, &self.engine.volume_sizes().await.unwrap_or_default())
    }
}

fn changed_since() -> Failure {
    let message = "what runs has changed since the plan was shown; nothing was done";
    Failure::new(Kind::Refused, message).hint("say it again to see the new plan")
}

/// A volume that goes, and the container that an anonymous one belongs to.
#[derive(Debug, PartialEq, Eq)]
struct Lost<'a> {
    volume: &'a str,
    of: Option<&'a str>,
}

/// The volumes that a plan removes: those it names, and the anonymous ones that go with their containers.
fn lost_volumes<'a>(plan: &'a Plan, observed: &'a Observed) -> Vec<Lost<'a>> {
    let mut lost = Vec::new();
    for operation in &plan.operations {
        match &operation.action {
            // Anonymous ones are listed with the container that they go with.
            Action::RemoveVolume { name } if is_anonymous_volume(name) => {}
            Action::RemoveVolume { name } => lost.push(Lost { volume: name, of: None }),
            Action::RemoveContainer {
                container: ContainerRef::Existing { id, .. }, volumes: true, ..
            } => {
                let found = observed.containers.iter().find(|container| container.id == *id);
                lost.extend(found.into_iter().flat_map(anonymous_volumes));
            }
            _ => {}
        }
    }
    lost
}

fn anonymous_volumes(container: &Container) -> impl Iterator<Item = Lost<'_>> {
    container.anonymous_volumes().map(|volume| Lost { volume, of: Some(&container.name) })
}

fn listed(lost: &[Lost<'_>], sizes: &BTreeMap<String, u64>) -> String {
    let mut text = String::from("data that will be removed:\n");
    for Lost { volume, of } in lost {
        let size = sizes.get(*volume).map_or_else(|| "size unknown".to_owned(), |size| bytes::format(*size));
        let of = of.map_or_else(String::new, |container| format!(", anonymous, of {container}"));
        text.push_str(&format!("  volume {volume} ({size}{of})\n"));
    }
    text
}

/// The command line with a yes, to be typed again.
fn with_yes(line: &[String]) -> String {
    let words: Vec<String> = line.iter().map(|word| quote(word)).collect();
    format!("sofa {} --yes", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::replicas::Scale;

    #[test]
    fn what_is_asked_before_stands_in_one_place() {
        assert_eq!(harm_of_verb("down"), ["`down`"]);
        for verb in ["deploy", "stop", "start", "restart", "rollback"] {
            assert!(harm_of_verb(verb).is_empty(), "{verb}");
        }
        assert!(harm_of_choices(&Choices::default()).is_empty());
        let scale = ["web=0", "api=2"].map(|text| text.parse::<Scale>().unwrap()).to_vec();
        let choices = Choices { force_recreate: true, remove_orphans: true, scale, ..Choices::default() };
        assert_eq!(harm_of_choices(&choices), ["`--force-recreate`", "`--remove-orphans`", "`web=0`"]);
    }

    #[test]
    fn volumes_are_listed_with_their_size_where_it_is_known() {
        let lost = [Lost { volume: "app_data", of: None }, Lost { volume: "0f", of: Some("app-db-1") }];
        let sizes = BTreeMap::from([("app_data".to_owned(), 12_345_678)]);
        assert_eq!(
            listed(&lost, &sizes),
            "data that will be removed:\n  volume app_data (11.8 MiB)\n  volume 0f (size unknown, anonymous, of app-db-1)\n"
        );
    }

    #[test]
    fn the_line_to_type_is_the_one_that_was_typed() {
        let line = ["production", "down", "-C", "/my folder", "--volumes"].map(String::from);
        assert_eq!(with_yes(&line), "sofa production down -C '/my folder' --volumes --yes");
    }
}

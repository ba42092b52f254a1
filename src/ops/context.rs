//! What every verb works with: the settings and the display, and the way to the engine.

use crate::engine::{Engine, Host, PATIENCE};
use crate::error::{Exit, Failure, Kind};
use crate::ops::build_info::BuildInfo;
use crate::ops::failure::engine_failure;
use crate::plan::operation::Plan;
use crate::plan::scope::Deps;
use crate::settings::Settings;
use crate::state::LEASE;
use crate::state::Operator;
use crate::state::holder::{self, Holder};
use crate::ui::Ui;
use crate::ui::plan::render;

/// What every verb works with.
#[derive(Debug)]
pub struct Context {
    pub settings: Settings,
    pub ui: Ui,
    pub build: BuildInfo,
}

impl Context {
    /// Prints a plan that is not run.
    pub fn show_plan(&self, plan: &Plan) -> Exit {
        // The reader may be gone: that is no failure.
        let _ = self.ui.print(&render(plan, true));
        Exit::Success
    }

    /// What happens to dependencies outside the scope; the mode decides where `--deps` is not typed.
    pub fn deps(&self, typed: Option<Deps>) -> Deps {
        typed.unwrap_or(self.settings.mode.as_ref().map_or(Deps::Auto, |mode| mode.deps))
    }

    /// Who runs this command, and on which machine.
    pub fn operator(&self) -> Operator {
        Operator { user: self.settings.environment.operator(), host: holder::machine() }
    }

    /// A verb with its mode, as it is typed.
    pub fn command(&self, verb: &str) -> String {
        match &self.settings.mode {
            Some(mode) => format!("{verb} {}", mode.name),
            None => verb.to_owned(),
        }
    }

    /// This process as the holder of a lock.
    pub fn holder(&self, verb: &str) -> Holder {
        Holder::of_this_process(self.operator(), self.command(verb), self.settings.lease.unwrap_or(LEASE))
    }

    /// Connects to the engine.
    ///
    /// # Errors
    /// An address that cannot be used (exit code 2), an engine that does not answer (6).
    pub async fn engine(&self) -> Result<Engine, Failure> {
        let host = Host::resolve(self.settings.host.as_deref())
            .map_err(|error| Failure::new(Kind::Usage, error.to_string()))?;
        let patience = self.settings.engine_timeout.unwrap_or(PATIENCE);
        Engine::connect(host, patience).await.map_err(engine_failure)
    }
}

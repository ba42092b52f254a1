//! What the engine's target does about failures that `update_config` lets pass, and about replicas that a pause leaves out.

use super::Docker;
use super::failure::OperationError;
use crate::apply::executor::Stopped;
use crate::apply::tolerance::Verdict;
use crate::engine::container::Removal;
use crate::engine::ignore_missing;
use crate::plan::action::{Action, ContainerRef, Replica};
use crate::plan::hooks::HookPoint;
use crate::plan::operation::{OpId, Operation};

impl Docker<'_> {
    /// What the failure of a container means: an end of the run, or a warning where `update_config` lets it fail.
    pub(super) fn judge(
        &self,
        id: OpId,
        replica: &Replica,
        error: OperationError,
    ) -> Result<(), OperationError> {
        match self.tolerance.borrow_mut().judge(replica) {
            Verdict::Fails => return Err(error),
            Verdict::Warns => {
                self.announcer().warn(format!("{error}\n  `update_config` lets it fail, so the run goes on"));
            }
            Verdict::Pauses => self.paused.borrow_mut().push((id, error)),
            Verdict::Known => {}
        }
        Ok(())
    }

    /// The failures that ended the update of a service and not the run.
    pub fn paused(&self) -> Vec<(OpId, OperationError)> {
        self.paused.take()
    }

    /// An operation on a replica that a paused update leaves as it was: of its successor nothing stays.
    pub(super) async fn leave_out(&self, operation: &Operation) -> Result<(), Stopped<OperationError>> {
        if let Action::StartContainer { container: container @ ContainerRef::Created(_), .. } =
            &operation.action
            && let Ok(id) = self.id(container)
        {
            let _permit = self.permit().await?;
            let removal = Removal { force: true, anonymous_volumes: true };
            ignore_missing(self.engine.remove(&id, removal).await).map_err(OperationError::from)?;
        }
        Ok(())
    }
}

/// The replica whose failure an operation's failure is, where `update_config` decides what that means.
pub(super) fn judged(action: &Action) -> Option<&Replica> {
    match action {
        Action::Await { replica, .. } | Action::StartContainer { replica, .. } => Some(replica),
        Action::RunHook { replica, hook, .. } if hook.point == HookPoint::PostStart => Some(replica),
        _ => None,
    }
}

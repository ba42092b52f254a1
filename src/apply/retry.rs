//! Changes whose answer was lost: the target is asked what became of them before they are made again.

use super::control::Control;
use super::executor::Run;
use super::failure::{Retry, Stopped, TargetError};
use super::target::Target;
use crate::plan::kind::Change;
use crate::plan::operation::{Operation, Undo};

/// How often one call is made in all, where the target answers in between.
const ATTEMPTS: usize = 3;

impl<T: Target> Run<'_, T> {
    /// Makes one change. After a broken connection it is made again unless it turns out to be made. A change that takes too long
    /// may still happen, so it is not made again.
    pub(super) async fn change(
        &self,
        operation: &Operation,
        control: &Control<'_>,
    ) -> Result<(), Stopped<T::Error>> {
        let mut permit = self.permit(control).await?;
        self.attempted.borrow_mut().insert(operation.id);
        for attempt in 1.. {
            let Err(error) = self.target.apply(operation).await else { break };
            drop(permit);
            if attempt == ATTEMPTS || operation.action.change() == Some(Change::Signal) {
                return Err(error.into());
            }
            if error.retry() == Retry::Late {
                return if self.was_applied_late(operation, control).await {
                    Ok(())
                } else {
                    Err(error.into())
                };
            }
            let again = async {
                match control.reconnected(&error).await {
                    true => Some(control.permit().await),
                    false => None,
                }
            };
            permit = tokio::select! {
                biased;
                () = control.cancelled() => return Err(error.into()),
                again = again => match again {
                    Some(permit) => permit.map_err(T::Error::from)?,
                    None => return Err(error.into()),
                },
            };
            if self.target.was_applied(operation).await? {
                break;
            }
        }
        Ok(())
    }

    async fn was_applied_late(&self, operation: &Operation, control: &Control<'_>) -> bool {
        match control.permit().await {
            Ok(_permit) => matches!(self.target.was_applied(operation).await, Ok(true)),
            Err(_) => false,
        }
    }

    /// Undoes one operation, again where the connection broke or no answer came: every undo may be repeated.
    pub(super) async fn undo_repeatedly(
        &self,
        operation: &Operation,
        undo: Undo,
        control: &Control<'_>,
    ) -> Result<(), T::Error> {
        for attempt in 1.. {
            let Err(error) = self.target.undo(operation, undo, control).await else { break };
            if attempt == ATTEMPTS {
                return Err(error);
            }
            match error.retry() {
                Retry::Reconnect if control.reconnected(&error).await => {}
                Retry::Late if attempt == 1 => {}
                Retry::After(pause) => tokio::time::sleep(pause).await,
                _ => return Err(error),
            }
        }
        Ok(())
    }
}

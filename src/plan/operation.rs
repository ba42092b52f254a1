//! A plan and its operations: plain data. What is shown, confirmed and run is this value.

use std::fmt;

use serde::Serialize;

use super::action::Action;
pub use super::action::OpId;
use super::cause::Cause;

/// A graph of operations: what is done, in which order, why, and how it is undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The Compose project it acts on.
    pub project: String,
    /// The images that are fetched first. Their result is not known yet, so the plan is made from the images on the engine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageFetch>,
    /// The operations; each needs only earlier ones. `OpId(n)` is at index n − 1.
    pub operations: Vec<Operation>,
    /// The operation that ends the time in which the plan can be undone; everything that needs it settles.
    pub barrier: Option<OpId>,
    /// What happens when an operation fails.
    pub on_failure: OnFailure,
    /// The services of the scope that need no change, in order.
    pub unchanged: Vec<String>,
    /// What a person should know before it is confirmed.
    pub notes: Vec<String>,
}

/// An image that is built or pulled before a plan is made and run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageFetch {
    /// Its reference.
    pub image: String,
    /// Where it comes from.
    pub source: ImageSource,
    /// Why.
    pub cause: String,
    /// The services that are replaced where it turns out to be another than the one that they run.
    pub services: Vec<String>,
    /// Whether the image will change, as far as that is known: it is missing, or the content that it is built from changed.
    pub changes: bool,
}

/// Where an image comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageSource {
    /// It is built from a service's `build:`.
    Build,
    /// It is pulled from its registry.
    Pull,
}

/// What the executor does when an operation fails before the barrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// Undo everything, in reverse (deploy, scale, rollback).
    Undo,
    /// Do everything that does not need the failed one (down, stop, rm, kill).
    GoOn,
    /// Begin nothing more (restart, deploy --no-undo).
    Halt,
}

/// One engine call, or one wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Operation {
    /// Its number.
    pub id: OpId,
    /// What must be done before it.
    pub needs: Vec<OpId>,
    /// What it is done for.
    pub group: Group,
    /// What it does.
    pub action: Action,
    #[serde(flatten)]
    pub cause: Cause,
    /// Whether users of the service notice it.
    pub disruptive: bool,
    /// Whether it cannot be undone.
    pub one_way: bool,
    /// How it is undone, if it can be.
    pub undo: Option<Undo>,
}

/// What an operation belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// The project's networks and volumes, and its barrier.
    Project,
    /// A service.
    Service(String),
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Group::Project => f.write_str("project"),
            Group::Service(name) => f.write_str(name),
        }
    }
}

/// How an operation is undone, on the object that the operation acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undo {
    /// Remove the container or network that it created.
    Remove,
    /// Make the network that it removed again, of what that was made of.
    Recreate,
    /// Attach the container that it took off a network again, as it was.
    Connect,
    /// Take the container that it attached off the network.
    Disconnect,
    /// Stop the container that it started.
    Stop,
    /// Start the container that it stopped.
    Start,
    /// Pause the container that it unpaused.
    Pause,
    /// Have the worker that it quiesced take work again.
    Resume,
    /// Have the edge serve what it served before, and remove it where there was none.
    RestoreEdge,
    /// Take the host ports and names from the edge again.
    CloseEdge,
    /// Have the edge end the container's requests, and forget it.
    RemoveServer,
    /// Give the container its restart policy back.
    EnableRestart,
}

impl Operation {
    /// An operation without a number, an undo and marks.
    pub(super) fn new(group: Group, needs: Vec<OpId>, action: Action, cause: Cause) -> Operation {
        Operation { id: OpId(0), needs, group, action, cause, disruptive: false, one_way: false, undo: None }
    }
}

impl Plan {
    /// Whether nothing on the engine changes. The plan may still wait for services that are not ready.
    pub fn changes_nothing(&self) -> bool {
        !self.operations.iter().any(|operation| operation.action.changes())
            && !self.images.iter().any(|fetch| fetch.changes)
    }

    /// Whether another plan does the same, apart from causes.
    pub fn same_operations(&self, other: &Plan) -> bool {
        let deed =
            |one: &Operation, other: &Operation| one.action == other.action && one.needs == other.needs;
        self.operations.len() == other.operations.len()
            && self.operations.iter().zip(&other.operations).all(|(one, other)| deed(one, other))
    }

    /// The operation of that number.
    pub fn operation(&self, id: OpId) -> Option<&Operation> {
        self.operations.get(id.0.checked_sub(1)?)
    }
}

/// The plan as stable text, an operation a line: `[needs] -> #id group: action, cause`.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for operation in &self.operations {
            let needs: Vec<String> = operation.needs.iter().map(|id| id.0.to_string()).collect();
            write!(f, "[{}] -> {} {}: {}", needs.join(","), operation.id, operation.group, operation.action)?;
            if !operation.cause.is_none() {
                write!(f, ", {}", operation.cause)?;
            }
            for (mark, holds) in [
                ("disruptive", operation.disruptive),
                ("one-way", operation.one_way),
                ("barrier", self.barrier == Some(operation.id)),
            ] {
                if holds {
                    write!(f, " [{mark}]")?;
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

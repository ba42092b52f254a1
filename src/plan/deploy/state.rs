//! What the plan of a deploy knows at each moment. The other files of this folder add to it.

use std::collections::BTreeMap;

use crate::plan::action::{ContainerRef, Replica};
use crate::plan::cause::Cause;
use crate::plan::desired::Desired;
use crate::plan::disruption::Disruption;
use crate::plan::draft::Draft;
use crate::plan::observed::{Container, ContainerId, Observed};
use crate::plan::operation::OpId;
use crate::plan::policy::Policy;
use crate::plan::problem::Problem;
use crate::plan::replica::{ReplicaAction, Slot};
use crate::plan::strategy::Strategy;

/// A plan of a deploy in the making.
pub(super) struct Deploy<'a> {
    pub(super) desired: &'a Desired<'a>,
    pub(super) observed: &'a Observed,
    pub(super) policy: Policy,
    pub(super) draft: Draft,
    pub(super) networks: BTreeMap<&'a str, OpId>,
    pub(super) volumes: BTreeMap<&'a str, OpId>,
    /// The containers that are off their networks while these are replaced.
    pub(super) detached: BTreeMap<&'a ContainerId, Detached<'a>>,
    /// What becomes of the containers of each service.
    pub(super) assignments: BTreeMap<&'a str, Assignment<'a>>,
    /// The containers that are removed when the plan settles, and why.
    pub(super) leaving: BTreeMap<&'a ContainerId, Cause>,
    /// Every container name that is taken, with the container where it is the project's.
    pub(super) names: BTreeMap<&'a str, Option<&'a Container>>,
    /// Those of them that are ended before that, each with the operation that does it.
    pub(super) ended: BTreeMap<&'a ContainerId, OpId>,
    pub(super) steps: BTreeMap<&'a str, ServiceSteps>,
    pub(super) edge: EdgeSteps<'a>,
    pub(super) settling: Vec<Settling<'a>>,
    pub(super) watched: Vec<(Replica, ContainerRef)>,
    pub(super) unchanged: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) problems: Vec<Problem>,
}

/// The containers of one service.
#[derive(Debug, Default)]
pub(super) struct Assignment<'a> {
    /// Its replicas, in order of their numbers.
    pub(super) slots: Vec<Slot<'a>>,
    /// What is beyond the wanted number.
    pub(super) surplus: Vec<&'a Container>,
    /// What users of the service notice.
    pub(super) disruption: Disruption,
    /// What services notice that share the namespaces of its first container.
    pub(super) first: Disruption,
}

impl<'a> Assignment<'a> {
    pub(super) fn new(slots: Vec<Slot<'a>>, surplus: Vec<&'a Container>) -> Assignment<'a> {
        let disruption = slots.iter().map(Slot::disruption).max().unwrap_or_default();
        let first = slots.first().map(Slot::disruption).unwrap_or_default();
        Assignment { slots, surplus, disruption, first }
    }

    /// The container in whose namespaces and mounts others will live, where it is there already.
    pub(super) fn parent(&self) -> Option<&'a Container> {
        self.slots.first().filter(|slot| !matches!(slot.action, ReplicaAction::Create(_)))?.current
    }
}

/// What the plan knows of a service after its operations are planned.
#[derive(Debug, Default)]
pub(super) struct ServiceSteps {
    /// The container in whose namespaces and mounts others live: that of its first replica.
    pub(super) first: Option<ContainerRef>,
    /// Operations after which its containers exist.
    pub(super) created: Vec<OpId>,
    /// Operations after which it is started.
    pub(super) started: Vec<OpId>,
    /// Operations after which it is ready.
    pub(super) ready: Vec<OpId>,
    /// How its containers are replaced.
    pub(super) strategy: Strategy,
    /// The containers of the group of replicas that is planned now.
    pub(super) group: Vec<(Replica, ContainerRef)>,
}

/// What the plan knows of the edge after its first operation is planned.
#[derive(Debug, Default)]
pub(super) struct EdgeSteps<'a> {
    /// The operation after which it is there.
    pub(super) ready: Option<OpId>,
    /// The containers that have its host ports, each with the port.
    pub(super) holders: Vec<(&'a Container, String)>,
}

/// What is done once the barrier is passed.
pub(super) enum Settling<'a> {
    /// What a container has taken the place of is removed, and where it has a temporary name it gets its own.
    Replace { replica: Replica, old: Vec<&'a Container>, new: ContainerRef, name: Option<String> },
    /// A container that is not wanted any more is stopped and removed.
    Drop(&'a Container),
}

/// A container that is off its networks while these are replaced.
#[derive(Debug)]
pub(super) struct Detached<'a> {
    pub(super) container: &'a Container,
    /// Its stop, where it was up.
    pub(super) stopped: Option<OpId>,
    /// For each network: its name, the disconnection, and the creation of the new network.
    pub(super) networks: Vec<(&'a str, OpId, OpId)>,
    /// Whether the plan attaches it again.
    pub(super) attached: bool,
}

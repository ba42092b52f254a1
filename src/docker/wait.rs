//! A wait for a container: what it works with, what is waited for, and what it has seen.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::probe::FailedAnswer;
use super::start_phases::StartPhases;
use super::watch::Watch;
use crate::apply::control::Control;
use crate::engine::Engine;
use crate::plan::desired::Desired;
use crate::plan::gate::Gate;
use crate::plan::observed::ContainerId;
use crate::state::UsualTimes;
use crate::ui::event::{EventSender, Subject};

pub(super) struct Waiter<'a> {
    pub(super) engine: &'a Engine,
    pub(super) watch: &'a Watch,
    pub(super) events: &'a EventSender,
    pub(super) control: &'a Control<'a>,
    /// The desired state, where files were read.
    pub(super) desired: Option<&'a Desired<'a>>,
    /// How long the phases of starts took in earlier releases.
    pub(super) usual: &'a UsualTimes,
    /// The containers that passed their gate in this run. The engine may call them `starting` until its own first test.
    pub(super) passed: &'a RefCell<BTreeSet<ContainerId>>,
    /// How many of its last log lines a failure shows.
    pub(super) log_lines: usize,
}

/// A container and its gate.
pub(super) struct Candidate<'a> {
    pub(super) id: &'a ContainerId,
    pub(super) service: &'a str,
    pub(super) subject: &'a Subject,
    pub(super) gate: &'a Gate,
    /// How long it may take, if its service says so.
    pub(super) deadline: Option<Duration>,
    pub(super) seen: Seen,
}

/// What a wait has seen of a container's start.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The last answer that did not pass the gate.
    pub(super) answer: RefCell<Option<FailedAnswer>>,
    pub(super) phases: RefCell<StartPhases>,
}

impl Seen {
    /// How long the phases took that a container went through until now.
    pub(super) fn times(&self) -> Vec<(String, Duration)> {
        let phases = self.phases.borrow();
        phases.times(phases.since_start(Timestamp::now()))
    }
}

//! Which nodes of a graph may begin: each as soon as everything it waits for is done, never after a whole phase.

use std::collections::{BTreeMap, VecDeque};

/// The nodes of a directed acyclic graph that are neither done nor handed out yet.
#[derive(Debug)]
pub(super) struct Frontier<Id> {
    open: BTreeMap<Id, usize>,
    dependants: BTreeMap<Id, Vec<Id>>,
    ready: VecDeque<Id>,
}

impl<Id: Copy + Ord> Frontier<Id> {
    /// A frontier of these nodes; edges to nodes that are not among them are dropped.
    pub(super) fn new(needs: &BTreeMap<Id, Vec<Id>>) -> Frontier<Id> {
        let mut frontier =
            Frontier { open: BTreeMap::new(), dependants: BTreeMap::new(), ready: VecDeque::new() };
        for (&id, needed) in needs {
            let known: Vec<Id> = needed.iter().copied().filter(|need| needs.contains_key(need)).collect();
            if known.is_empty() {
                frontier.ready.push_back(id);
            }
            frontier.open.insert(id, known.len());
            for need in known {
                frontier.dependants.entry(need).or_default().push(id);
            }
        }
        frontier
    }

    /// Hands out the next node that may begin.
    pub(super) fn pop(&mut self) -> Option<Id> {
        let id = self.ready.pop_front()?;
        self.open.remove(&id);
        Some(id)
    }

    /// Opens what only waited for this node.
    pub(super) fn done(&mut self, id: Id) {
        for dependant in self.dependants.remove(&id).unwrap_or_default() {
            if let Some(open) = self.open.get_mut(&dependant) {
                *open -= 1;
                if *open == 0 {
                    self.ready.push_back(dependant);
                }
            }
        }
    }

    /// The nodes that were never handed out, in order.
    pub(super) fn left(&self) -> Vec<Id> {
        self.open.keys().copied().collect()
    }
}

//! `!reset` and `!override`: what a file removes from the files before it (Compose spec, “merge”).

use crate::compose::load::tree::path::{Path, Step};
use crate::yaml::{Kind, Node};

/// The places that a document removes from what it is merged over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resets {
    places: Vec<Vec<Box<str>>>,
}

/// Removes the values tagged `!reset` from a document, and notes their places and those of `!override`.
pub(crate) fn extract(root: &mut Node) -> Resets {
    let mut resets = Resets::default();
    walk(root, &mut Some(Vec::new()), &mut resets);
    resets
}

/// Returns whether the node is removed. An entry of a list has no place: a tag below it acts only in its own file.
fn walk(node: &mut Node, place: &mut Option<Vec<Box<str>>>, resets: &mut Resets) -> bool {
    if let Some(tag @ ("!reset" | "!override")) = node.tag.as_deref() {
        resets.places.extend(place.clone());
        return tag == "!reset";
    }
    match &mut node.kind {
        Kind::Map(map) => {
            let mut gone = Vec::new();
            for entry in map.iter_mut() {
                if let Some(place) = place {
                    place.push(entry.key.clone());
                }
                if walk(&mut entry.value, place, resets) {
                    gone.push(entry.key.clone());
                }
                if let Some(place) = place {
                    place.pop();
                }
            }
            for key in gone {
                map.remove(&key);
            }
        }
        Kind::List(list) => list.retain_mut(|entry| !walk(entry, &mut None, resets)),
        _ => {}
    }
    false
}

impl Resets {
    /// Removes the noted places from a tree whose root is at `at`.
    pub(crate) fn apply(&self, root: &mut Node, at: &[Step<'_>]) {
        let at: Path<'_> = at.to_vec();
        for place in &self.places {
            let Some(rest) = below(place, &at) else { continue };
            remove(root, rest);
        }
    }
}

/// The rest of a place below a path that it passes through.
fn below<'p>(place: &'p [Box<str>], path: &[Step<'_>]) -> Option<&'p [Box<str>]> {
    let (head, rest) = place.split_at_checked(path.len())?;
    let same = head.iter().zip(path).all(|(name, step)| matches!(step, Step::Key(key) if **key == **name));
    same.then_some(rest)
}

fn remove(node: &mut Node, place: &[Box<str>]) {
    let [key, rest @ ..] = place else { return };
    match &mut node.kind {
        Kind::Map(map) if rest.is_empty() => {
            map.remove(key);
        }
        Kind::Map(map) => {
            if let Some(value) = map.get_mut(key) {
                remove(value, rest);
            }
        }
        // A mapping that became a list of `KEY=VALUE`: `extra_hosts`.
        Kind::List(list) if rest.is_empty() => {
            let is_named = |text: &str| text.strip_prefix(&**key).is_some_and(|rest| rest.starts_with('='));
            list.retain(|entry| !entry.as_str().is_some_and(is_named));
        }
        _ => {}
    }
}

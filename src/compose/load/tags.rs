//! `!reset` and `!override`: what a file takes out of the files before it (Compose spec, “merge”).

use super::path::{Path, Step};
use crate::yaml::{Kind, Node};

/// The places that a document takes out of what it is merged over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resets {
    places: Vec<Vec<Box<str>>>,
}

/// Takes the values tagged `!reset` out of a document, and notes their places and those of `!override`.
pub(crate) fn extract(root: &mut Node) -> Resets {
    let mut resets = Resets::default();
    walk(root, &mut Vec::new(), &mut resets);
    resets
}

/// Returns whether the node goes away.
fn walk(node: &mut Node, place: &mut Vec<Box<str>>, resets: &mut Resets) -> bool {
    match node.tag.as_deref() {
        Some("!reset") => {
            resets.places.push(place.clone());
            return true;
        }
        Some("!override") => {
            resets.places.push(place.clone());
            return false;
        }
        _ => {}
    }
    match &mut node.kind {
        Kind::Map(map) => {
            let mut gone = Vec::new();
            for entry in map.iter_mut() {
                place.push(entry.key.clone());
                if walk(&mut entry.value, place, resets) {
                    gone.push(entry.key.clone());
                }
                place.pop();
            }
            for key in gone {
                map.remove(&key);
            }
        }
        Kind::List(list) => {
            let mut index = 0usize;
            list.retain_mut(|entry| {
                place.push(format!("[{index}]").into());
                index += 1;
                let gone = walk(entry, place, resets);
                place.pop();
                !gone
            });
        }
        _ => {}
    }
    false
}

impl Resets {
    /// Takes the noted places out of a tree whose root stands at `at`. Entries of lists cannot be taken out.
    pub(crate) fn apply(&self, root: &mut Node, at: &[Step<'_>]) {
        let at: Path<'_> = at.to_vec();
        for place in &self.places {
            let Some(rest) = below(place, &at) else { continue };
            remove(root, rest);
        }
    }
}

/// What is left of a place below a path that it goes through.
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
        Kind::List(list) if !rest.is_empty() => {
            let index = key.trim_matches(['[', ']']).parse::<usize>().ok();
            if let Some(entry) = index.and_then(|index| list.get_mut(index)) {
                remove(entry, rest);
            }
        }
        _ => {}
    }
}

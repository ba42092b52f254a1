//! The order of services: dependencies first.

use std::collections::{BTreeMap, BTreeSet};

/// Orders names so that each comes after the names that it needs; else the order is alphabetical. Needs outside the given names
/// are ignored. The loader refuses cycles; here their order is arbitrary.
pub fn dependencies_first<'a>(needs: &BTreeMap<&'a str, Vec<&'a str>>) -> Vec<&'a str> {
    dependencies_first_from([], needs)
}

/// As [`dependencies_first`], with the given names and what they need before all others if possible.
pub fn dependencies_first_from<'a>(
    first: impl IntoIterator<Item = &'a str>,
    needs: &BTreeMap<&'a str, Vec<&'a str>>,
) -> Vec<&'a str> {
    let mut ordered = Vec::with_capacity(needs.len());
    let mut seen = BTreeSet::new();
    for name in first.into_iter().chain(needs.keys().copied()) {
        visit(name, needs, &mut seen, &mut ordered);
    }
    ordered
}

/// Depth first with an explicit stack, so that a long chain of services does not overflow the program's stack.
fn visit<'a>(
    root: &'a str,
    needs: &BTreeMap<&'a str, Vec<&'a str>>,
    seen: &mut BTreeSet<&'a str>,
    ordered: &mut Vec<&'a str>,
) {
    let mut path: Vec<(&str, std::slice::Iter<'_, &'a str>)> = Vec::new();
    let mut next = Some(root);
    loop {
        if let Some(needed) = next.and_then(|name| needs.get(name).filter(|_| seen.insert(name))) {
            path.push((next.unwrap_or_default(), needed.iter()));
        }
        let Some((name, rest)) = path.last_mut() else {
            return;
        };
        next = rest.next().copied();
        if next.is_none() {
            ordered.push(name);
            path.pop();
        }
    }
}

/// Every name reachable from the given ones, themselves included.
pub fn closure<'a>(from: &[&'a str], needs: &BTreeMap<&'a str, Vec<&'a str>>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = from.to_vec();
    while let Some(name) = open.pop() {
        if needs.contains_key(name) && reached.insert(name) {
            open.extend(needs[name].iter().copied());
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(edges: &[(&'static str, &[&'static str])]) -> BTreeMap<&'static str, Vec<&'static str>> {
        edges.iter().map(|(name, needed)| (*name, needed.to_vec())).collect()
    }

    #[test]
    fn a_name_stands_behind_what_it_needs() {
        let graph = needs(&[
            ("api", &["db", "cache"]),
            ("cache", &[]),
            ("db", &[]),
            ("aaa", &["web"]),
            ("web", &["api"]),
        ]);
        assert_eq!(dependencies_first(&graph), ["db", "cache", "api", "web", "aaa"]);
    }

    #[test]
    fn a_deep_chain_does_not_overflow_the_stack() {
        let names: Vec<String> = (0..50_000).map(|n| format!("s{n:05}")).collect();
        let graph: BTreeMap<&str, Vec<&str>> = names
            .iter()
            .enumerate()
            .map(|(n, name)| {
                (name.as_str(), names.get(n + 1).map(|next| vec![next.as_str()]).unwrap_or_default())
            })
            .collect();
        assert_eq!(dependencies_first(&graph).len(), 50_000);
    }

    #[test]
    fn the_closure_holds_what_is_needed_indirectly() {
        let graph = needs(&[("a", &["b"]), ("b", &["c"]), ("c", &[]), ("d", &["a"])]);
        assert_eq!(closure(&["a"], &graph).into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}

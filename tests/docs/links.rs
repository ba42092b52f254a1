//! Relative links lead to files that exist, and to headings that exist in them.

use std::fs;
use std::path::Path;

use crate::page::{Page, pages};

#[test]
fn every_relative_link_leads_somewhere() {
    let broken: Vec<String> = pages().iter().flat_map(broken_links).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_broken_link_is_found() {
    let page = Page::parse(
        Path::new("docs/x.md"),
        "# Here\n[a](missing.md) [b](#there) [c](#here) [d](sofa.yaml) [e](https://example.org)\n",
    );
    let broken = broken_links(&page);
    assert_eq!(broken.len(), 2, "{broken:?}");
    assert!(broken[0].contains("missing.md") && broken[1].contains("#there"), "{broken:?}");
}

#[test]
fn every_page_is_in_the_index() {
    let index = Page::read(Path::new("docs/README.md"));
    let listed: Vec<&str> = index.links.iter().map(|(_, target)| target.as_str()).collect();
    for page in pages() {
        if let Ok(path) = page.path.strip_prefix("docs") {
            let path = path.to_str().unwrap();
            assert!(path == "README.md" || listed.contains(&path), "docs/README.md does not list {path}");
        }
    }
}

#[test]
fn the_readme_has_at_most_150_lines() {
    let lines = fs::read_to_string("README.md").unwrap().lines().count();
    assert!(lines <= 150, "README.md has {lines} lines");
}

fn broken_links(page: &Page) -> Vec<String> {
    let folder = page.path.parent().unwrap();
    let leads_somewhere = |target: &str| {
        if target.contains("://") {
            return true;
        }
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        let path = folder.join(file);
        if !file.is_empty() && !path.exists() {
            return false;
        }
        match anchor {
            "" => true,
            anchor if file.is_empty() => page.anchors.iter().any(|own| own == anchor),
            anchor => Page::read(&path).anchors.iter().any(|own| own == anchor),
        }
    };
    let broken = page.links.iter().filter(|(_, target)| !leads_somewhere(target));
    broken.map(|(line, target)| format!("{}: {target}", page.at(*line))).collect()
}

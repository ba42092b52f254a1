//! A Markdown page: its headings, links, code spans and code blocks with their markers.

use std::fs;
use std::path::{Path, PathBuf};

/// Why a block may be parsed only.
pub const REASONS: [&str; 5] = [
    "machine",   // installs packages, or builds the repository
    "root",      // needs root, or changes the reader's system
    "terminal",  // asks a person
    "registry",  // pulls or pushes images
    "elsewhere", // names a host, a file or a project that only the reader has
];

pub struct Page {
    /// Relative to the repository.
    pub path: PathBuf,
    pub blocks: Vec<Block>,
    /// The anchors of the headings.
    pub anchors: Vec<String>,
    /// The targets of links, with their line.
    pub links: Vec<(usize, String)>,
    /// The text of code spans outside code blocks, with their line.
    pub spans: Vec<(usize, String)>,
    /// `project`, `port` and `folder` comments.
    pub settings: Vec<(String, String)>,
}

pub struct Block {
    /// The line of the opening fence, from 1.
    pub line: usize,
    pub language: String,
    pub marker: Marker,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Marker {
    None,
    Engine { exit: i32 },
    Parsed,
    File(String),
    Append(String),
}

impl Page {
    pub fn read(path: &Path) -> Page {
        Page::parse(path, &fs::read_to_string(path).unwrap())
    }

    pub fn parse(path: &Path, text: &str) -> Page {
        let mut page = Page {
            path: path.to_owned(),
            blocks: Vec::new(),
            anchors: Vec::new(),
            links: Vec::new(),
            spans: Vec::new(),
            settings: Vec::new(),
        };
        let mut prose = String::new();
        let mut marker = Marker::None;
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
        while let Some((number, line)) = lines.next() {
            prose.push('\n');
            if let Some(language) = line.strip_prefix("```") {
                let mut block = String::new();
                for (_, line) in lines.by_ref().take_while(|(_, line)| *line != "```") {
                    block.push_str(line);
                    block.push('\n');
                }
                prose.push_str(&"\n".repeat(block.lines().count() + 1));
                let language = language.trim().to_owned();
                page.blocks.push(Block { line: number, language, marker, text: block });
                marker = Marker::None;
                continue;
            }
            if let Some(comment) = test_comment(line) {
                match marker_of(comment) {
                    Some(of_block) => marker = of_block,
                    None => page.settings.push(setting_of(comment, path, number)),
                }
                continue;
            }
            assert!(
                marker == Marker::None,
                "{}:{number}: the test comment is not followed by a block",
                path.display()
            );
            if line.starts_with('#') {
                let anchor = anchor(line.trim_start_matches('#').trim(), &page.anchors);
                page.anchors.push(anchor);
            }
            prose.push_str(line);
        }
        page.spans = code_spans(&prose);
        page.links = links(&prose);
        page
    }

    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }
}

impl Block {
    pub fn is_command(&self) -> bool {
        ["sh", "console"].contains(&self.language.as_str())
    }
}

/// Every page of the documentation.
pub fn pages() -> Vec<Page> {
    let mut paths: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"]
        .into_iter()
        .map(PathBuf::from)
        .collect();
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths.iter().map(|path| Page::read(path)).collect()
}

fn test_comment(line: &str) -> Option<&str> {
    line.strip_prefix("<!-- test:")?.strip_suffix("-->").map(str::trim)
}

/// The marker of the block behind a comment, unless the comment is about the page.
fn marker_of(comment: &str) -> Option<Marker> {
    let (word, rest) = comment.split_once(' ').unwrap_or((comment, ""));
    match word {
        "engine" if rest.is_empty() => Some(Marker::Engine { exit: 0 }),
        "engine" => Some(Marker::Engine { exit: rest.strip_prefix("exit=").unwrap().parse().unwrap() }),
        "parsed" => {
            assert!(REASONS.contains(&rest), "`{comment}`: the reason is one of {REASONS:?}");
            Some(Marker::Parsed)
        }
        "file" => Some(Marker::File(rest.to_owned())),
        "append" => Some(Marker::Append(rest.to_owned())),
        _ => None,
    }
}

fn setting_of(comment: &str, path: &Path, line: usize) -> (String, String) {
    let (name, value) = comment.split_once(' ').unwrap_or((comment, ""));
    assert!(
        ["project", "port", "folder"].contains(&name) && !value.is_empty(),
        "{}:{line}: unknown test comment `{comment}`",
        path.display()
    );
    (name.to_owned(), value.to_owned())
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str, earlier: &[String]) -> String {
    let plain: String = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect();
    let again = earlier.iter().filter(|other| **other == plain).count();
    if again == 0 { plain } else { format!("{plain}-{again}") }
}

fn code_spans(prose: &str) -> Vec<(usize, String)> {
    let mut spans = Vec::new();
    for (index, line) in prose.lines().enumerate() {
        for (part, text) in line.split('`').enumerate() {
            if part % 2 == 1 {
                spans.push((index, text.to_owned()));
            }
        }
    }
    spans
}

fn links(prose: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, line) in prose.lines().enumerate() {
        // A code span may contain brackets that are not a link.
        let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
        for rest in plain.split("](").skip(1) {
            found.push((index, rest.split(')').next().unwrap().to_owned()));
        }
    }
    found
}

#[test]
fn a_page_is_read_with_its_markers() {
    let text = "# A `b` c\n\n[x](y.md#z) and `sofa ps`\n\n<!-- test: engine exit=4 -->\n```console\n$ a\nb\n```\n## A b c\n";
    let page = Page::parse(Path::new("x.md"), text);
    assert_eq!(page.anchors, ["a-b-c", "a-b-c-1"]);
    assert_eq!(page.links, [(3, "y.md#z".to_owned())]);
    assert_eq!(page.spans, [(1, "b".to_owned()), (3, "sofa ps".to_owned())]);
    let block = &page.blocks[0];
    assert_eq!((block.line, block.text.as_str()), (6, "$ a\nb\n"));
    assert_eq!(block.marker, Marker::Engine { exit: 4 });
}

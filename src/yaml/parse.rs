//! From text to trees: aliases expanded, merge keys applied, duplicate keys and runaway documents refused.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, Tag};

use super::scalar;
use super::{Kind, Map, Node, SourceId, Span};

/// Texts longer than this are refused unread.
const MOST_BYTES: usize = 64 << 20;
/// Collections nested deeper than this are refused.
const MOST_LEVELS: usize = 128;
/// Aliases may copy this many nodes, and ten times as many as the document has itself.
const FREE_COPIES: usize = 20_000;

/// Why a text is no YAML, with the places it is about: the first is where the problem is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlError {
    /// What is wrong.
    pub message: String,
    /// Where, and what is to be said there.
    pub places: Vec<(Span, String)>,
    /// What to do about it, where that is known.
    pub hint: Option<&'static str>,
}

impl YamlError {
    fn new(message: impl Into<String>, span: Span, label: impl Into<String>) -> Self {
        Self { message: message.into(), places: vec![(span, label.into())], hint: None }
    }
}

/// Reads every document of a text. A document without content is not among them.
///
/// # Errors
/// The first syntax error, or all duplicate keys, keys that are no text, unknown tags and runaway aliases.
pub fn parse(source: SourceId, text: &str) -> Result<Vec<Node>, Vec<YamlError>> {
    if text.len() > MOST_BYTES {
        let message = format!("file is larger than {} MiB", MOST_BYTES >> 20);
        return Err(vec![YamlError::new(message, Span::new(source, 0, 0), "")]);
    }
    let mut text = Cow::Borrowed(text);
    let mut dashes = Vec::new();
    loop {
        match parse_once(source, &text, &dashes) {
            Err(Failed { dash: Some(at), .. }) if dashes.len() < MOST_DASHES => {
                text.to_mut().replace_range(at..=at, "_");
                dashes.push(at);
            }
            outcome => return outcome.map_err(|failed| failed.errors),
        }
    }
}

/// Why a text could not be read.
struct Failed {
    errors: Vec<YamlError>,
    /// Where a plain `-` stands in a flow collection, if that is the reason: `[cat, -]`. docker compose's YAML library reads it as text.
    dash: Option<usize>,
}

/// More of them are refused, since the text is parsed once more for each.
const MOST_DASHES: usize = 100;

/// Parses a text in which `_` is written for the dashes at these places.
fn parse_once(source: SourceId, text: &str, dashes: &[usize]) -> Result<Vec<Node>, Failed> {
    // A byte order mark is no content; spans still count it.
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut options = granit_parser::options! {
        emit_unresolved_aliases: true,
        flow_nesting_limit: MOST_LEVELS,
        block_nesting_limit: MOST_LEVELS,
    };
    options.set_emit_comments(false);
    let mut builder = Builder {
        source,
        offset: start,
        text,
        length: text.len(),
        ends_with_line: text.ends_with('\n'),
        events: Parser::new_from_str_with_options(&text[start..], options),
        anchors: HashMap::new(),
        parsed: 0,
        copied: 0,
        errors: Vec::new(),
        dash: None,
        dashes,
    };
    let documents = builder.documents();
    match documents {
        Ok(documents) if builder.errors.is_empty() => Ok(documents),
        Ok(_) | Err(Stop) => Err(Failed { errors: builder.errors, dash: builder.dash }),
    }
}

/// Reading cannot go on; the reason is among the errors.
struct Stop;

struct Builder<'a> {
    source: SourceId,
    /// Bytes before what the parser sees.
    offset: usize,
    text: &'a str,
    /// Bytes of the text.
    length: usize,
    /// Whether the text ends with a line end.
    ends_with_line: bool,
    events: Parser<'a, granit_parser::StrInput<'a>>,
    /// Finished nodes by anchor, with their size; `None` while the node is being read.
    anchors: HashMap<usize, Option<(Node, usize)>>,
    parsed: usize,
    copied: usize,
    errors: Vec<YamlError>,
    /// See [`Failed::dash`].
    dash: Option<usize>,
    dashes: &'a [usize],
}

type Spanned<'a> = (Event<'a>, granit_parser::Span);

impl<'a> Builder<'a> {
    fn documents(&mut self) -> Result<Vec<Node>, Stop> {
        let mut documents = Vec::new();
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(documents),
                Event::StreamStart | Event::DocumentEnd => {}
                Event::DocumentStart(..) => self.anchors.clear(),
                event => {
                    let node = self.node(event, span)?;
                    documents.push(node);
                }
            }
        }
    }

    fn next(&mut self) -> Result<Spanned<'a>, Stop> {
        match self.events.next_event() {
            Some(Ok(spanned)) => Ok(spanned),
            Some(Err(error)) => {
                let at = self.offset + error.marker().byte_offset().unwrap_or(0);
                if matches!(error.kind(), ErrorKind::PlainScalarStartsWithDashFlowIndicator) {
                    self.dash = Some(at);
                }
                let error = self.syntax_error(&error.info(), at);
                self.errors.push(error);
                Err(Stop)
            }
            None => Ok((Event::StreamEnd, granit_parser::Span::empty(granit_parser::Marker::default()))),
        }
    }

    /// A syntax error, with the hint that its kind needs.
    fn syntax_error(&self, info: &str, at: usize) -> YamlError {
        let tab = if info.contains("tab") { indentation_tab(self.text, at) } else { None };
        let at = tab.unwrap_or(at);
        let mut error = YamlError::new(format!("YAML syntax: {info}"), self.span(at, at + 1), "");
        error.hint = if tab.is_some() {
            Some("indent with spaces")
        } else if info.contains("mapping values are not allowed") {
            Some("put a value that contains `: ` in quotes")
        } else {
            None
        };
        error
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.source, start, end)
    }

    fn place(&self, span: &granit_parser::Span) -> Span {
        let range = span.byte_range().unwrap_or(0..0);
        self.span(self.offset + range.start, self.offset + range.end)
    }

    fn node(&mut self, event: Event<'a>, span: granit_parser::Span) -> Result<Node, Stop> {
        self.parsed += 1;
        let place = self.place(&span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let node = self.scalar(text, style, tag, place);
                self.remember(anchor, &node, 1);
                Ok(node)
            }
            Event::SequenceStart(_, anchor, tag) => self.list(anchor, tag, place),
            Event::MappingStart(_, anchor, tag) => self.map(anchor, tag, place),
            Event::Alias(anchor) => self.alias(anchor, place),
            Event::UnresolvedAlias(name) => {
                self.errors.push(YamlError::new(
                    format!("anchor `{name}` is not defined before here"),
                    place,
                    "",
                ));
                Ok(Node::new(Kind::Null, place))
            }
            _ => Ok(Node::new(Kind::Null, place)),
        }
    }

    fn scalar(
        &mut self,
        text: Cow<'a, str>,
        style: ScalarStyle,
        tag: Option<Cow<'a, Tag>>,
        place: Span,
    ) -> Node {
        let plain = matches!(style, ScalarStyle::Plain);
        let text = match text {
            _ if plain && self.dashes.contains(&(place.start as usize)) => Cow::Borrowed("-"),
            text => self.without_added_line_end(text, style, place),
        };
        let Some(tag) = tag else {
            let kind = if plain { scalar::resolve(&text) } else { Kind::String(text.into()) };
            return Node::new(kind, place);
        };
        let kind = match tag.core_suffix() {
            Some("str" | "binary") => Kind::String(text.into()),
            Some("float") => match scalar::resolve(&text) {
                Kind::Int(value) => Kind::Float(value as f64),
                other => other,
            },
            Some("timestamp") => match scalar::resolve(&text) {
                kind @ Kind::Timestamp(_) => kind,
                _ => Kind::String(text.into()),
            },
            Some(_) => scalar::resolve(&text),
            None if plain && tag.is_custom() && text.is_empty() => Kind::Null,
            None => Kind::String(text.into()),
        };
        Node { tag: custom(&tag), ..Node::new(kind, place) }
    }

    /// A block scalar that the file ends with has no line end where the file has none, as libyaml reads it.
    fn without_added_line_end(&self, text: Cow<'a, str>, style: ScalarStyle, place: Span) -> Cow<'a, str> {
        let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        if is_block && place.end as usize >= self.length && !self.ends_with_line && text.ends_with('\n') {
            let mut text = text.into_owned();
            text.pop();
            return text.into();
        }
        text
    }

    fn list(&mut self, anchor: usize, tag: Option<Cow<'a, Tag>>, place: Span) -> Result<Node, Stop> {
        self.begin(anchor);
        let before = self.parsed + self.copied;
        let mut list = Vec::new();
        let end = loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                break self.place(&span);
            }
            list.push(self.node(event, span)?);
        };
        let node =
            Node { tag: tag.and_then(|tag| custom(&tag)), ..Node::new(Kind::List(list), reach(place, end)) };
        self.remember(anchor, &node, self.parsed + self.copied - before + 1);
        Ok(node)
    }

    fn map(&mut self, anchor: usize, tag: Option<Cow<'a, Tag>>, place: Span) -> Result<Node, Stop> {
        self.begin(anchor);
        let before = self.parsed + self.copied;
        let mut map = Map::default();
        let mut merges: Option<(Span, Node)> = None;
        let end = loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break self.place(&span);
            }
            let is_merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key = self.node(event, span)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span)?;
            if is_merge {
                if let Some((first, _)) = &merges {
                    let first = *first;
                    self.duplicate("<<", key.span, first);
                }
                merges = Some((key.span, value));
            } else {
                self.insert(&mut map, key, value);
            }
        };
        if let Some((key, value)) = merges {
            self.merge(&mut map, key, value);
        }
        let node =
            Node { tag: tag.and_then(|tag| custom(&tag)), ..Node::new(Kind::Map(map), reach(place, end)) };
        self.remember(anchor, &node, self.parsed + self.copied - before + 1);
        Ok(node)
    }

    fn insert(&mut self, map: &mut Map, key: Node, value: Node) {
        let Kind::String(text) = key.kind else {
            let start = key.span.start as usize;
            let is_template = start > 0 && self.text[start - 1..].starts_with("{{");
            let message = match key.to_text() {
                Some(text) => format!("key `{text}` is not text"),
                None if is_template => "this is a template that was not rendered".to_owned(),
                None => format!("a key must be text, not {}", key.kind.name()),
            };
            let mut error = YamlError::new(message, key.span, key.kind.name());
            error.hint = Some(match is_template {
                true => "render the file first; or put the value in quotes, if the braces are meant",
                false => "put the key in quotes",
            });
            self.errors.push(error);
            return;
        };
        if let Some(first) = map.entry(&text).map(|entry| entry.key_span) {
            self.duplicate(&text, key.span, first);
            return;
        }
        map.insert(text, key.span, value);
    }

    fn duplicate(&mut self, key: &str, second: Span, first: Span) {
        let mut error = YamlError::new(format!("key `{key}` appears twice"), second, "again here");
        error.places.push((first, "first here".to_owned()));
        self.errors.push(error);
    }

    /// `<<`: what the mapping has itself wins, then the first of a list.
    fn merge(&mut self, map: &mut Map, key: Span, value: Node) {
        match value.kind {
            Kind::Map(from) => {
                for entry in from {
                    if !map.contains(&entry.key) {
                        map.insert(entry.key, entry.key_span, entry.value);
                    }
                }
            }
            Kind::List(list) if list.iter().all(|node| node.as_map().is_some()) => {
                for node in list {
                    self.merge(map, key, node);
                }
            }
            // An alias without an anchor is an error already.
            Kind::Null if self.errors.iter().any(|error| error.places[0].0 == value.span) => {}
            other => {
                let mut error = YamlError::new("`<<` takes a mapping or a list of mappings", key, "");
                error.places.push((value.span, format!("this is {}", other.name())));
                self.errors.push(error);
            }
        }
    }

    fn begin(&mut self, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, None);
        }
    }

    fn remember(&mut self, anchor: usize, node: &Node, size: usize) {
        if anchor != 0 {
            let node = Node { tag: node.tag.clone(), ..node.clone() };
            self.anchors.insert(anchor, Some((node, size)));
        }
    }

    fn alias(&mut self, anchor: usize, place: Span) -> Result<Node, Stop> {
        let Some(Some((node, size))) = self.anchors.get(&anchor) else {
            self.errors.push(YamlError::new("alias stands inside its own anchor", place, "would never end"));
            return Err(Stop);
        };
        self.copied += size;
        if self.copied > FREE_COPIES + 10 * self.parsed {
            let mut error = YamlError::new(
                "aliases expand to far more than the file holds",
                place,
                "over the limit here",
            );
            error.hint =
                Some("a mapping that repeats anchors of anchors grows with every level; write it out once");
            self.errors.push(error);
            return Err(Stop);
        }
        Ok(node.clone())
    }
}

/// The first tab that indents a line, from the line of a place on.
fn indentation_tab(text: &str, at: usize) -> Option<usize> {
    let begin = text.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    let mut start = begin;
    for line in text[begin..].split_inclusive('\n') {
        let indentation = line.len() - line.trim_start().len();
        if let Some(tab) = line[..indentation].find('\t') {
            return Some(start + tab);
        }
        start += line.len();
    }
    None
}

/// The tag as written, unless YAML itself defines it.
fn custom(tag: &Tag) -> Option<Box<str>> {
    tag.is_custom().then(|| tag.original().into_boxed_str())
}

fn reach(start: Span, end: Span) -> Span {
    Span { end: end.end.max(start.end), ..start }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Node {
        let mut documents = parse(SourceId(0), text).expect(text);
        assert_eq!(documents.len(), 1, "{text}");
        documents.remove(0)
    }

    fn errors(text: &str) -> Vec<YamlError> {
        parse(SourceId(0), text).expect_err(text)
    }

    #[test]
    fn merge_keys_give_way_to_the_mapping_and_to_earlier_ones() {
        let node = one("a: &a {x: 1, y: 1}\nb: &b {x: 2, z: 2}\nc: {<<: [*a, *b], y: 3}\n");
        let c = node.get("c").expect("c");
        assert_eq!(c, &one("{x: 1, y: 3, z: 2}"));
    }

    #[test]
    fn a_duplicate_key_names_both_places() {
        let errors = errors("web: 1\ndb: 2\nweb: 3\n");
        let places: Vec<_> = errors[0].places.iter().map(|(span, _)| span.start).collect();
        assert_eq!(errors[0].message, "key `web` appears twice");
        assert_eq!(places, [13, 0]);
    }

    #[test]
    fn keys_must_be_text() {
        assert_eq!(errors("1: a\n~: b\n").len(), 2);
        assert!(errors("{[a]: b}")[0].message.contains("a list"));
    }

    #[test]
    fn a_bomb_of_aliases_is_refused() {
        let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for (name, before) in "bcdefghi".chars().zip("abcdefgh".chars()) {
            bomb.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{before}"); 9].join(",")));
        }
        assert!(errors(&bomb)[0].message.contains("aliases expand"));
    }

    #[test]
    fn depth_is_limited_and_an_alias_cannot_hold_itself() {
        assert!(!errors(&"[".repeat(50_000)).is_empty());
        assert!(errors("a: &a [*a]")[0].message.contains("inside its own anchor"));
        assert!(errors("a: *b")[0].message.contains("`b`"));
    }

    #[test]
    fn byte_order_mark_line_ends_and_several_documents_are_fine() {
        let documents = parse(SourceId(0), "\u{feff}a: 1\r\n---\r\nb: 2\r\n").expect("two documents");
        assert_eq!(documents.len(), 2);
        assert_eq!(documents[0].get("a").map(|node| node.span.start), Some(6));
    }

    #[test]
    fn a_block_scalar_ends_as_the_file_does() {
        assert_eq!(one("a: |\n  x").get("a").and_then(Node::as_str), Some("x"));
        assert_eq!(one("a: |\n  x\n").get("a").and_then(Node::as_str), Some("x\n"));
        assert_eq!(one("a: |\n  x\nb: 1").get("a").and_then(Node::as_str), Some("x\n"));
    }

    #[test]
    fn a_dash_in_a_flow_list_is_text_with_its_place() {
        let list = one("a: [cat, -, -]\nb: [-]\nc: {x: -}\ne: [-x, _]\n");
        let texts = |key: &str| {
            let entries = list.get(key).and_then(Node::as_list).expect(key);
            entries.iter().map(|entry| entry.as_str().expect(key)).collect::<Vec<_>>()
        };
        assert_eq!(texts("a"), ["cat", "-", "-"]);
        assert_eq!(texts("b"), ["-"]);
        assert_eq!(texts("e"), ["-x", "_"]);
        assert_eq!(list.get("c").and_then(|map| map.get("x")).and_then(Node::as_str), Some("-"));
        let second = &list.get("a").and_then(Node::as_list).expect("a list")[1];
        assert_eq!((second.span.start, second.span.end), (9, 10));
        assert!(!errors(&format!("a: [{}]", "-, ".repeat(200))).is_empty(), "many are refused");
    }

    #[test]
    fn tags_are_kept_with_their_node() {
        let node = one("a: !reset null\nb: !override [1]\nc: !!str 1\nd: !reset\n");
        assert_eq!(node.get("a").and_then(|node| node.tag.as_deref()), Some("!reset"));
        assert_eq!(node.get("b").and_then(|node| node.tag.as_deref()), Some("!override"));
        assert_eq!(node.get("c").and_then(Node::as_str), Some("1"));
        assert_eq!(node.get("d").and_then(|node| node.tag.as_deref()), Some("!reset"));
    }
}

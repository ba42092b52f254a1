//! The short forms of ports and mounts (Compose spec, “ports” and “volumes”, short syntax).

use std::borrow::Cow;
use std::net::IpAddr;

use crate::yaml::{Kind, Map, Node, Span};

/// Why a short form cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShortError {
    pub(crate) message: String,
    pub(crate) hint: Cow<'static, str>,
}

/// One port of a short form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShortPort {
    host_ip: String,
    target: u16,
    published: String,
    protocol: String,
}

impl ShortPort {
    /// The long form.
    pub(crate) fn into_map(self, span: Span, literal: bool) -> Map {
        let mut map = Map::default();
        let mut put =
            |key: &str, kind: Kind| map.insert(key, span, Node { literal, ..Node::new(kind, span) });
        put("mode", Kind::String("ingress".into()));
        if !self.host_ip.is_empty() {
            put("host_ip", Kind::String(self.host_ip.into()));
        }
        // Port 0 is invalid; docker compose reports it later.
        if self.target != 0 {
            put("target", Kind::Int(self.target.into()));
        }
        if !self.published.is_empty() {
            put("published", Kind::String(self.published.into()));
        }
        put("protocol", Kind::String(self.protocol.into()));
        map
    }
}

/// Reads `[[IP:]HOST:]CONTAINER[/PROTOCOL]`, where HOST and CONTAINER may be ranges. Sorted as docker compose sorts them: by the
/// container's port as text.
pub(crate) fn ports(text: &str) -> Result<Vec<ShortPort>, ShortError> {
    let error = |message: String| ShortError {
        message,
        hint: "a port is `[[IP:]HOST:]CONTAINER[/tcp|udp|sctp]`".into(),
    };
    let (rest, container) =
        text.rsplit_once(':').map_or((None, text), |(rest, container)| (Some(rest), container));
    let (ip, host) = match rest {
        None => ("", ""),
        Some(rest) => rest.rsplit_once(':').map_or(("", rest), |(ip, host)| (ip, host)),
    };
    let (container, protocol) = container_and_protocol(container);
    if container.is_empty() {
        return Err(error(format!("port `{text}` names no port of the container")));
    }
    let host_ip = ip.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(ip);
    if !host_ip.is_empty() && host_ip.parse::<IpAddr>().is_err() {
        return Err(error(format!("port `{text}`: `{ip}` is no IP address")));
    }
    let (first, last) = range(container)
        .ok_or_else(|| error(format!("port `{text}`: `{container}` is no port or range of ports")))?;
    if ip.is_empty() && host.parse::<IpAddr>().is_ok() {
        return Err(ShortError {
            message: format!("port `{text}`: `{host}` is an address, and the port of the host is missing"),
            hint: format!(
                "write `{host}:{container}:{container}`, or `{host}::{container}` for a free port of the host"
            )
            .into(),
        });
    }
    let published = if host.is_empty() {
        None
    } else {
        Some(
            range(host)
                .ok_or_else(|| error(format!("port `{text}`: `{host}` is no port or range of ports")))?,
        )
    };
    if let Some((first_host, last_host)) = published
        && first != last
        && last - first != last_host - first_host
    {
        return Err(error(format!("port `{text}`: the ranges `{host}` and `{container}` differ in length")));
    }
    let protocol = protocol.to_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(error(format!("port `{text}`: `{protocol}` is no protocol")));
    }
    let mut ports: Vec<ShortPort> = (first..=last)
        .map(|target| ShortPort {
            host_ip: host_ip.to_owned(),
            target,
            published: match published {
                None => String::new(),
                // A range of host ports for one container port: the engine takes a free one.
                Some((from, to)) if first == last && from != to => format!("{from}-{to}"),
                Some((from, _)) => (from + (target - first)).to_string(),
            },
            protocol: protocol.clone(),
        })
        .collect();
    ports.sort_by_key(|port| format!("{}/{}", port.target, port.protocol));
    Ok(ports)
}

fn container_and_protocol(text: &str) -> (&str, &str) {
    let mut parts = text.split('/');
    let port = parts.next().unwrap_or_default();
    let protocol = parts.next().filter(|protocol| !protocol.is_empty()).unwrap_or("tcp");
    (port, protocol)
}

fn range(text: &str) -> Option<(u16, u16)> {
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let mut parts = text.split('-');
    let first = number(parts.next()?)?;
    let last = match parts.next() {
        Some(last) => number(last)?,
        None => first,
    };
    (first <= last).then_some((first, last))
}

/// A mount of a short form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ShortMount {
    source: String,
    target: String,
    read_only: bool,
    nocopy: bool,
    propagation: String,
    selinux: String,
    /// Unknown options, which docker compose ignores.
    pub(crate) unknown: Vec<String>,
    /// `/` or `x` alone: only a target, without the empty `volume:` of longer ones.
    bare: bool,
}

impl ShortMount {
    fn is_bind(&self) -> bool {
        let mut chars = self.source.chars();
        matches!(self.source.as_bytes().first(), Some(b'.' | b'/' | b'~'))
            || self.source.starts_with("\\\\")
            || (chars.next().is_some_and(char::is_alphabetic) && chars.next() == Some(':'))
    }

    /// The long form.
    pub(crate) fn into_map(self, span: Span, literal: bool) -> Map {
        let text = |text: &str| Node { literal, ..Node::string(text, span) };
        let yes = || Node { literal, ..Node::new(Kind::Bool(true), span) };
        let is_bind = self.is_bind();
        let mut bind = Map::default();
        let mut volume = Map::default();
        for (key, value) in [("propagation", &self.propagation), ("selinux", &self.selinux)] {
            if !value.is_empty() {
                bind.insert(key, span, text(value));
            }
        }
        if is_bind {
            bind.insert("create_host_path", span, yes());
        }
        if self.nocopy {
            volume.insert("nocopy", span, yes());
        }
        let mut map = Map::default();
        map.insert("type", span, text(if is_bind { "bind" } else { "volume" }));
        if !self.source.is_empty() {
            map.insert("source", span, text(&self.source));
        }
        map.insert("target", span, text(&clean(&self.target)));
        if self.read_only {
            map.insert("read_only", span, yes());
        }
        if !bind.is_empty() {
            map.insert("bind", span, Node::new(Kind::Map(bind), span));
        }
        if !volume.is_empty() || !(is_bind || self.bare) {
            map.insert("volume", span, Node::new(Kind::Map(volume), span));
        }
        map
    }
}

/// Reads `[SOURCE:]TARGET[:OPTIONS]`. A single letter before a colon is a Windows drive.
pub(crate) fn mount(text: &str) -> Result<ShortMount, ShortError> {
    let error =
        |message: String| ShortError { message, hint: "a mount is `[SOURCE:]TARGET[:ro|rw|z|Z|…]`".into() };
    if text.is_empty() {
        return Err(error("mount is empty".to_owned()));
    }
    if text.len() <= 2 {
        return Ok(ShortMount { target: text.to_owned(), bare: true, ..ShortMount::default() });
    }
    let sections = sections(text);
    if sections.iter().any(|section| section.is_empty()) {
        return Err(error(format!("mount `{text}` has nothing between two colons")));
    }
    let (source, target, options) = match sections.as_slice() {
        [target] => ("", *target, ""),
        [source, target] => (*source, *target, ""),
        [source, target, options] => (*source, *target, *options),
        _ => return Err(error(format!("mount `{text}` has too many colons"))),
    };
    if let Some((name, path)) = target.split_once(':').filter(|_| source.is_empty()) {
        return Err(ShortError {
            message: format!("mount `{text}`: docker compose takes `{name}:` for a Windows drive, not for a volume"),
            hint: format!("give volume `{name}` a longer name, or write the long form with `source: {name}` and `target: {path}`").into(),
        });
    }
    let mut mount =
        ShortMount { source: source.to_owned(), target: target.to_owned(), ..ShortMount::default() };
    for option in options.split(',') {
        match option {
            "ro" => mount.read_only = true,
            "rw" => mount.read_only = false,
            "nocopy" => mount.nocopy = true,
            "rprivate" | "private" | "rshared" | "shared" | "rslave" | "slave" => {
                option.clone_into(&mut mount.propagation)
            }
            "z" | "Z" => option.clone_into(&mut mount.selinux),
            "" => {}
            unknown => mount.unknown.push(unknown.to_owned()),
        }
    }
    Ok(mount)
}

/// Splits at colons, but not behind a drive letter and not inside `${…}`.
fn sections(text: &str) -> Vec<&str> {
    let mut sections = Vec::new();
    let (mut start, mut braces) = (0, 0usize);
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '$' if chars.peek().is_some_and(|(_, next)| *next == '{') => braces += 1,
            '}' => braces = braces.saturating_sub(1),
            ':' if braces == 0 => {
                let section = &text[start..at];
                let mut letters = section.chars();
                let is_drive = letters.next().is_some_and(char::is_alphabetic) && letters.next().is_none();
                if !is_drive {
                    sections.push(section);
                    start = at + 1;
                }
            }
            _ => {}
        }
    }
    sections.push(&text[start..]);
    sections
}

/// A path without `.`, `..`, doubled and trailing slashes; the empty path stays.
pub(crate) fn clean(path: &str) -> String {
    if path.is_empty() {
        return String::new();
    }
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    match (absolute, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(text: &str) -> Vec<String> {
        let ports = ports(text).expect(text);
        ports
            .into_iter()
            .map(|port| format!("{}|{}|{}|{}", port.host_ip, port.published, port.target, port.protocol))
            .collect()
    }

    #[test]
    fn ports_and_ranges() {
        assert_eq!(long("80"), ["||80|tcp"]);
        assert_eq!(long("8080:80/udp"), ["|8080|80|udp"]);
        assert_eq!(long("127.0.0.1::80"), ["127.0.0.1||80|tcp"]);
        assert_eq!(long("[::1]:8080:80"), ["::1|8080|80|tcp"]);
        assert_eq!(long("::1:8080:80"), ["::1|8080|80|tcp"]);
        assert_eq!(long("8000-8002:80-82"), ["|8000|80|tcp", "|8001|81|tcp", "|8002|82|tcp"]);
        assert_eq!(long("3000-3001:9"), ["|3000-3001|9|tcp"]);
        assert_eq!(long("8-10"), ["||10|tcp", "||8|tcp", "||9|tcp"]);
        for bad in ["", "a", "80:", "1-2:3-5", "70000", "x:1:2", "80/ftp", "5-4"] {
            assert!(ports(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn mounts() {
        let read = |text: &str| mount(text).expect(text);
        assert!(read("./a:/b:ro,z").is_bind());
        assert!(read("./a:/b:ro,z").read_only);
        assert_eq!(read("v1:/c").source, "v1");
        assert!(mount("v:/c").unwrap_err().message.contains("Windows drive"));
        assert_eq!(read("/data").source, "");
        assert_eq!(read("${A:-x}:/b").source, "${A:-x}");
        assert!(mount("a1::b").is_err());
        assert!(mount("a1:b1:ro:d1").is_err());
        assert!(mount("").is_err());
    }

    #[test]
    fn paths_are_cleaned() {
        for (path, cleaned) in [
            ("/a/../b/", "/b"),
            ("a//b/.", "a/b"),
            ("../../x", "../../x"),
            ("/..", "/"),
            (".", "."),
            ("a/..", "."),
        ] {
            assert_eq!(clean(path), cleaned);
        }
    }
}

//! A request as it came, taken apart.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

/// A recorded request.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// The API version in its path; empty where it had none.
    pub version: String,
    /// The path without the version.
    pub path: String,
    /// The query; of a key given twice, the last value.
    pub query: BTreeMap<String, String>,
    /// The query as it came.
    pub raw_query: String,
    /// Its headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: Bytes,
}

impl Request {
    /// Method, path and query in one line.
    pub fn line(&self) -> String {
        let query: Vec<_> = self.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
        match query.is_empty() {
            true => format!("{} {}", self.method, self.path),
            false => format!("{} {}?{}", self.method, self.path, query.join("&")),
        }
    }

    /// Its body as JSON; null where it has none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A key of the query.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.query.get(key).map(String::as_str)
    }

    /// Whether a key of the query is set and not false.
    pub fn flag(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| !matches!(value, "" | "0" | "false"))
    }

    /// The filters of a list or stream of events: `{"label": ["a=b"]}`, or the older form with a map of booleans.
    pub fn filters(&self, key: &str) -> Vec<String> {
        let filters: Value =
            self.get("filters").and_then(|f| serde_json::from_str(f).ok()).unwrap_or_default();
        match &filters[key] {
            Value::Array(values) => values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Value::Object(values) => values.keys().cloned().collect(),
            _ => Vec::new(),
        }
    }

    /// The parts of its path.
    pub fn parts(&self) -> Vec<&str> {
        self.path.split('/').skip(1).collect()
    }
}

/// Takes a path and query apart: version, path, query.
pub(super) fn parse(uri: &http::Uri) -> (String, String, BTreeMap<String, String>) {
    let path = uri.path();
    let (version, path) = match path.strip_prefix("/v").and_then(|rest| rest.split_once('/')) {
        Some((version, rest)) if version.contains('.') => (version.to_owned(), format!("/{rest}")),
        _ => (String::new(), path.to_owned()),
    };
    let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let query = pairs.map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (unescape(key), unescape(value))
    });
    (version, unescape(&path), query.collect())
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
                u8::from_str_radix(&String::from_utf8_lossy(&hex), 16).unwrap_or(b'?')
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

//! What the proxy answers.

use std::collections::BTreeMap;

/// How many requests a draining server has left: the last line that its script printed.
pub fn requests_left(line: &str) -> Option<u64> {
    line.strip_prefix("requests ")?.trim().parse().ok()
}

/// A server as the proxy's counters show it (`show stat`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    pub backend: String,
    pub server: String,
    /// `UP`, `DOWN`, `DRAIN`, `MAINT`, with more words behind.
    pub status: String,
    /// Requests under way.
    pub sessions: u64,
    pub requests: u64,
    /// Answers with a status of 500 to 599, connections that failed, and answers that broke off.
    pub errors: u64,
    /// The mean time of the last 1024 answers, in milliseconds.
    pub answer_time: u64,
}

/// The counters of all servers, by the answer of `show stat`. Columns are found by their names.
pub fn counters(answer: &str) -> Vec<Counters> {
    let mut lines = answer.lines().skip_while(|line| !line.starts_with("# pxname"));
    let Some(header) = lines.next() else { return Vec::new() };
    let header: BTreeMap<&str, usize> =
        header.trim_start_matches("# ").split(',').enumerate().map(|(at, name)| (name, at)).collect();
    let rows = lines.take_while(|line| !line.is_empty()).map(|line| line.split(',').collect::<Vec<_>>());
    rows.filter_map(|row| {
        let text = |name: &str| Some(*row.get(*header.get(name)?)?);
        let number = |name: &str| text(name).and_then(|text| text.parse().ok()).unwrap_or(0);
        let server = text("svname")?;
        (!matches!(server, "FRONTEND" | "BACKEND")).then(|| Counters {
            backend: text("pxname").unwrap_or_default().to_owned(),
            server: server.to_owned(),
            status: text("status").unwrap_or_default().to_owned(),
            sessions: number("scur"),
            requests: number("req_tot").max(number("stot")),
            errors: number("hrsp_5xx") + number("econ") + number("eresp"),
            answer_time: number("rtime"),
        })
    })
    .collect()
}

/// The value of a name in the answers of `show env` (`NAME=value`) and `show info` (`Name: value`).
pub fn value<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let of_line = |line: &'a str| line.strip_prefix(name)?.strip_prefix(['=', ':']).map(str::trim);
    answer.lines().find_map(of_line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found_by_the_names_of_their_columns() {
        let answer = "SOFA_CONFIG=abc\n\nName: HAProxy\nVersion: 2.6.12\n\n# pxname,svname,scur,stot,status,hrsp_5xx,econ,eresp,rtime\n\
                      in,FRONTEND,0,9,OPEN,0,,,\napi,s1,2,9,UP,1,2,3,12\napi,BACKEND,2,9,UP,1,2,3,12\n\n";
        let found = counters(answer);
        assert_eq!(found.len(), 1);
        let Counters { sessions, requests, errors, answer_time, status, .. } = &found[0];
        assert_eq!((*sessions, *requests, *errors, *answer_time, status.as_str()), (2, 9, 6, 12, "UP"));
        assert_eq!((value(answer, "SOFA_CONFIG"), value(answer, "Version")), (Some("abc"), Some("2.6.12")));
        assert_eq!(requests_left("requests 3"), Some(3));
    }
}

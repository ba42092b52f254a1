//! Progress as JSON for programs, one event per line: `time` (ISO 8601), `kind`, then the fields of the event.

use std::io::Write;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::event::{Event, Subject};
use crate::error::Failure;

pub(super) fn print(out: &mut impl Write, event: &Event, time: Timestamp) -> std::io::Result<()> {
    let mut line = Map::new();
    line.insert("time".into(), json!(format!("{time:.3}")));
    fill(&mut line, event);
    writeln!(out, "{}", Value::Object(line))
}

/// Prints the last line of a failed command: the outcome, with its message, hints and exit code.
pub(super) fn print_failure(out: &mut impl Write, failure: &Failure, time: Timestamp) -> std::io::Result<()> {
    let message = anstream::adapter::strip_str(&failure.to_string()).to_string();
    let line = json!({
        "time": format!("{time:.3}"),
        "kind": "outcome",
        "success": false,
        "text": message,
        "hints": failure.hints,
        "exit_code": failure.kind as u8,
    });
    writeln!(out, "{line}")
}

fn fill(line: &mut Map<String, Value>, event: &Event) {
    let mut put = |key: &str, value: Value| {
        line.insert(key.into(), value);
    };
    match event {
        Event::Begin { title, deadline } => {
            put("kind", json!("begin"));
            put("text", json!(title));
            if let Some(deadline) = deadline {
                put("deadline_seconds", json!(deadline.as_secs_f64()));
            }
        }
        Event::Phase { subject, phase, detail } => {
            put("kind", json!("phase"));
            put("text", json!(phase.word()));
            if let Some(detail) = detail {
                put("detail", json!(detail));
            }
            about(line, subject);
        }
        Event::StartPhase { subject, name, usual, deadline } => {
            put("kind", json!("start-phase"));
            put("text", json!(name));
            for (key, time) in [("usual_seconds", usual), ("deadline_seconds", deadline)] {
                if let Some(time) = time {
                    put(key, json!(time.as_secs_f64()));
                }
            }
            about(line, subject);
        }
        Event::LogLine { subject, line: text } => {
            put("kind", json!("log"));
            put("text", json!(text));
            about(line, subject);
        }
        Event::HookLine { subject, hook, line: text } => {
            put("kind", json!("hook"));
            put("hook", json!(hook));
            put("text", json!(text));
            about(line, subject);
        }
        Event::BuildLine { subject, line: text } => {
            put("kind", json!("build"));
            put("text", json!(text));
            about(line, subject);
        }
        Event::Progress { subject, what, current, total } => {
            put("kind", json!("progress"));
            put("text", json!(what));
            put("current", json!(current));
            if let Some(total) = total {
                put("total", json!(total));
            }
            about(line, subject);
        }
        Event::Note(text) => {
            put("kind", json!("note"));
            put("text", json!(text));
        }
        Event::Warning(text) => {
            put("kind", json!("warning"));
            put("text", json!(text));
        }
        Event::Outcome { text, elapsed } => {
            put("kind", json!("outcome"));
            put("success", json!(true));
            put("text", json!(text));
            put("elapsed_seconds", json!(elapsed.as_secs_f64()));
        }
    }
}

/// `id` of the subject, and `service` where it belongs to one.
fn about(line: &mut Map<String, Value>, subject: &Subject) {
    if let Subject::Container { service, number } = subject {
        line.insert("service".into(), json!(service));
        line.insert("number".into(), json!(number));
    }
    line.insert("id".into(), json!(subject.to_string()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_failure_is_the_last_outcome() {
        let failure = Failure::new(Kind::NotReady, "service `web`: exited").hint("look");
        let mut out = Vec::new();
        print_failure(&mut out, &failure, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"time\":\"1970-01-01T00:00:00.000Z\",\"kind\":\"outcome\",\"success\":false,\"text\":\"service `web`: exited\",\
             \"hints\":[\"look\"],\"exit_code\":4}\n"
        );
    }
    use crate::ui::event::Phase;

    #[test]
    fn a_phase_of_a_start_has_its_times() {
        let event = Event::StartPhase {
            subject: Subject::Container { service: "web".into(), number: 1 },
            name: "loading".into(),
            usual: Some(std::time::Duration::from_millis(1500)),
            deadline: None,
        };
        let mut out = Vec::new();
        print(&mut out, &event, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"time\":\"1970-01-01T00:00:00.000Z\",\"kind\":\"start-phase\",\"text\":\"loading\",\"usual_seconds\":1.5,\
             \"service\":\"web\",\"number\":1,\"id\":\"web\"}\n"
        );
    }

    #[test]
    fn an_event_is_one_line_with_time_kind_and_service() {
        let event = Event::Phase {
            subject: Subject::Container { service: "web".into(), number: 2 },
            phase: Phase::Waiting,
            detail: Some("healthy".into()),
        };
        let mut out = Vec::new();
        print(&mut out, &event, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"time\":\"1970-01-01T00:00:00.000Z\",\"kind\":\"phase\",\"text\":\"waiting\",\"detail\":\"healthy\",\
             \"service\":\"web\",\"number\":2,\"id\":\"web 2\"}\n"
        );
    }
}

//! Faults: which call, and what happens to it.

use std::sync::Arc;
use std::time::Duration;

use super::request::Request;

/// A fault for one call; it is used up by it unless it is `always`.
#[derive(Clone)]
pub struct Fault {
    when: When,
    /// What happens.
    pub kind: Kind,
    /// Whether it stays.
    pub always: bool,
}

#[derive(Clone)]
enum When {
    /// The n-th call since `forget_calls`, from 1, pings not counted.
    Nth(usize),
    /// A call of this method and path; `*` is one part of a path.
    Matches(String, String),
}

/// What happens to a call.
#[derive(Clone, Default)]
pub enum Kind {
    /// Nothing: for hooks alone.
    #[default]
    Nothing,
    /// It is refused and not done.
    Status(u16, String),
    /// It is neither done nor answered.
    Hang,
    /// It is done and not answered.
    HangAfter,
    /// The connection breaks; it is not done.
    CutBefore,
    /// It is done, and the connection breaks instead of an answer.
    CutAfter,
    /// The answer breaks after so many bytes.
    CutStream(usize),
    /// It is done later.
    Delay(Duration),
    /// Something else happens first (the client is killed), then it is done.
    Before(Arc<dyn Fn() + Send + Sync>),
    /// Something else happens instead (the client is killed on its way); it is not done.
    Instead(Arc<dyn Fn() + Send + Sync>),
    /// It is done, then something else happens, then it is answered.
    After(Arc<dyn Fn() + Send + Sync>),
}

impl Fault {
    /// The n-th call from now (since `forget_calls`), from 1.
    pub fn at_call(n: usize) -> Fault {
        Fault { when: When::Nth(n), kind: Kind::Nothing, always: false }
    }

    /// The next call of a method and path, such as `/containers/*/start`.
    pub fn on(method: &str, path: &str) -> Fault {
        Fault { when: When::Matches(method.to_owned(), path.to_owned()), kind: Kind::Nothing, always: false }
    }

    /// Refuses it.
    pub fn status(self, status: u16, message: &str) -> Fault {
        Fault { kind: Kind::Status(status, message.to_owned()), ..self }
    }

    /// Leaves it without an answer.
    pub fn hang(self) -> Fault {
        Fault { kind: Kind::Hang, ..self }
    }

    /// Does it and leaves it without an answer.
    pub fn hang_after(self) -> Fault {
        Fault { kind: Kind::HangAfter, ..self }
    }

    /// Breaks the connection; it is not done.
    pub fn cut_before(self) -> Fault {
        Fault { kind: Kind::CutBefore, ..self }
    }

    /// Does it and breaks the connection.
    pub fn cut_after(self) -> Fault {
        Fault { kind: Kind::CutAfter, ..self }
    }

    /// Breaks the answer after so many bytes.
    pub fn cut_stream(self, bytes: usize) -> Fault {
        Fault { kind: Kind::CutStream(bytes), ..self }
    }

    /// Does it later.
    pub fn delay(self, ms: u64) -> Fault {
        Fault { kind: Kind::Delay(Duration::from_millis(ms)), ..self }
    }

    /// Does something first.
    pub fn before(self, hook: impl Fn() + Send + Sync + 'static) -> Fault {
        Fault { kind: Kind::Before(Arc::new(hook)), ..self }
    }

    /// Does something in its place.
    pub fn instead(self, hook: impl Fn() + Send + Sync + 'static) -> Fault {
        Fault { kind: Kind::Instead(Arc::new(hook)), ..self }
    }

    /// Does something after it was done, before it is answered.
    pub fn after(self, hook: impl Fn() + Send + Sync + 'static) -> Fault {
        Fault { kind: Kind::After(Arc::new(hook)), ..self }
    }

    /// Strikes every call that it fits, not only the next.
    pub fn always(self) -> Fault {
        Fault { always: true, ..self }
    }

    /// Whether it strikes the call that is the `n`-th.
    pub(super) fn strikes(&self, n: usize, request: &Request) -> bool {
        match &self.when {
            When::Nth(wanted) => *wanted == n,
            When::Matches(method, pattern) => *method == request.method && fits(pattern, &request.path),
        }
    }
}

fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len() && pattern.iter().zip(&path).all(|(p, s)| *p == "*" || p == s)
}

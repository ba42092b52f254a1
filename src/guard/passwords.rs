//! Weak passwords: placeholders of an example file, well-known defaults, empty passwords, the user's name.
//! A finding never shows the value.

use std::collections::BTreeSet;
use std::fmt;

use super::candidate::Candidate;
use crate::diag::finding::{Finding, Place};

const RULE: &str = "default-password";

/// The first guesses of an attacker.
const KNOWN: [&str; 27] = [
    "admin",
    "changeit",
    "changeme",
    "change-me",
    "change_me",
    "default",
    "demo",
    "example",
    "guest",
    "letmein",
    "minioadmin",
    "pass",
    "passw0rd",
    "passwd",
    "password",
    "postgres",
    "pw",
    "qwerty",
    "redis",
    "root",
    "secret",
    "test",
    "toor",
    "user",
    "xxx",
    "your-password",
    "your_password",
];

/// The last words in names of secrets. `KEY` alone is not one of them: many keys are public.
const SECRET: [&str; 12] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PASS",
    "SECRET",
    "TOKEN",
    "CREDENTIALS",
    "API_KEY",
    "SECRET_KEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
    "ENCRYPTION_KEY",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weakness {
    Placeholder,
    Default,
    Empty,
    User,
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Weakness::Placeholder => "is still a placeholder",
            Weakness::Default => "contains a well-known default password",
            Weakness::Empty => "contains an empty password",
            Weakness::User => "contains the user's name as password",
        })
    }
}

pub(super) fn findings(candidate: &Candidate<'_>) -> Vec<Finding> {
    let mut reported = BTreeSet::new();
    let mut findings = of_variables(candidate, &mut reported);
    findings.extend(of_services(candidate, &reported));
    findings
}

/// Weak values of the variables that the files use. Adds them to `reported`.
fn of_variables<'a>(candidate: &'a Candidate<'_>, reported: &mut BTreeSet<&'a str>) -> Vec<Finding> {
    let variables = &candidate.loaded.variables;
    let mut findings = Vec::new();
    for (name, variable) in variables {
        let Some(value) = variable.value.as_deref() else {
            continue;
        };
        let user = user_of(name, |other| variables.get(other).and_then(|variable| variable.value.as_deref()));
        let Some(weakness) = weakness(name, value, user) else {
            continue;
        };
        reported.extend(Some(value).filter(|value| !value.is_empty()));
        let place = match variable.set_at.or_else(|| variable.used_at.first().copied()) {
            Some(span) => Place::of_span(span, candidate.sources),
            None => Place::whole("the environment"),
        };
        let origin = if variable.set_at.is_some() { "" } else { " (set in the environment)" };
        findings.push(finding(format!("variable `{name}` {weakness}{origin}"), weakness, place));
    }
    findings
}

/// Weak values in the `environment` of services.
fn of_services(candidate: &Candidate<'_>, reported: &BTreeSet<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in candidate.loaded.project.services.values() {
        let environment = &service.environment;
        for (name, value) in environment {
            let Some(value) = value.as_deref() else {
                continue;
            };
            let user = user_of(name, |other| environment.get(other).and_then(|value| value.as_deref()));
            let Some(weakness) = weakness(name, value, user) else {
                continue;
            };
            let path = format!("services.{}.environment.{name}", service.name);
            let is_written = candidate.loaded.origins.of(&path).is_some_and(|origin| origin.literal);
            // The value of a reported variable is in every service that uses it: report it once. A value that is empty
            // because its variable is not set is allowed by the file.
            let is_reported = reported.iter().any(|reported| value.contains(*reported));
            if is_written || !(weakness == Weakness::Empty || is_reported) {
                let message = format!("service `{}`: `{name}` {weakness}", service.name);
                findings.push(finding(message, weakness, candidate.place(&path)));
            }
        }
    }
    findings
}

fn finding(message: String, weakness: Weakness, place: Place) -> Finding {
    let fix = match weakness {
        Weakness::Placeholder => "replace it with the real value",
        _ => "set your own password, for example from `openssl rand -hex 24`",
    };
    Finding::error(RULE, message, place, fix).refused()
}

/// The user of a password: `X_USER`, `X_USERNAME` or `X_LOGIN` beside `X_PASSWORD`.
fn user_of<'a>(name: &str, value: impl Fn(&str) -> Option<&'a str>) -> Option<&'a str> {
    let upper = name.to_ascii_uppercase();
    let stem = ["PASSWORD", "PASSWD", "PASS"].into_iter().find_map(|end| upper.strip_suffix(end))?;
    let stem = &name[..stem.len()];
    ["USER", "USERNAME", "LOGIN"].into_iter().find_map(|end| value(&format!("{stem}{end}")))
}

/// Judges a value by its variable's name and by its form.
fn weakness(name: &str, value: &str, user: Option<&str>) -> Option<Weakness> {
    if is_placeholder(value) {
        return Some(Weakness::Placeholder);
    }
    if let Some((user, password)) = login_of_url(value) {
        return of_password(password, Some(user));
    }
    let upper = name.to_ascii_uppercase();
    let has_word = |word: &str| upper.split(['_', '-', '.']).any(|part| part == word);
    // `FLOWER_BASIC_AUTH=user:password`.
    if has_word("AUTH")
        && let Some((user, password)) = value.split_once(':')
    {
        return of_password(password, Some(user));
    }
    let ends = |word: &str| upper == word || upper.ends_with(&format!("_{word}"));
    let secret = SECRET.into_iter().any(ends) || upper.ends_with("PASSWORD");
    // An optional token is often empty; a password is not.
    let password = upper.contains("PASSW") || has_word("PASS");
    if !secret || (value.is_empty() && !password) {
        return None;
    }
    of_password(value, user)
}

fn of_password(password: &str, user: Option<&str>) -> Option<Weakness> {
    let lower = password.to_ascii_lowercase();
    if password.is_empty() {
        Some(Weakness::Empty)
    } else if is_placeholder(password) {
        Some(Weakness::Placeholder)
    } else if KNOWN.contains(&lower.as_str()) || is_row_of_digits(password) {
        Some(Weakness::Default)
    } else if user.is_some_and(|user| user.eq_ignore_ascii_case(password)) {
        Some(Weakness::User)
    } else {
        None
    }
}

/// A value `<…>` as in example files, or `changeme` in any spelling inside a longer word.
fn is_placeholder(value: &str) -> bool {
    let bare = value.trim();
    let lower = bare.to_ascii_lowercase().replace(['-', '_'], "");
    (bare.len() > 2 && bare.starts_with('<') && bare.ends_with('>'))
        || (lower.contains("changeme") && lower != "changeme")
        || lower.contains("replaceme")
}

/// `123456` and similar, up to ten digits.
fn is_row_of_digits(password: &str) -> bool {
    "1234567890".starts_with(password)
}

/// User and password of `scheme://user:password@host`; none without a password.
fn login_of_url(value: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = value.split_once("://")?;
    if scheme.is_empty() || !scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@')?.0.split_once(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_passwords_are_found_by_name_and_form() {
        use Weakness::{Default, Empty, Placeholder, User};
        for (name, value, expected) in [
            ("POSTGRES_PASSWORD", "changeme", Some(Default)),
            ("POSTGRES_PASSWORD", "ChangeMe", Some(Default)),
            ("POSTGRES_PASSWORD", "postgres", Some(Default)),
            ("POSTGRES_PASSWORD", "123456", Some(Default)),
            ("POSTGRES_PASSWORD", "", Some(Empty)),
            ("POSTGRES_PASSWORD", "<a password>", Some(Placeholder)),
            ("POSTGRES_PASSWORD", "please-change-me-now", Some(Placeholder)),
            ("PGPASSWORD", "password", Some(Default)),
            ("GF_SECURITY_ADMIN_PASSWORD", "admin", Some(Default)),
            ("APP_SECRET", "secret", Some(Default)),
            ("JWT_SECRET_KEY", "test", Some(Default)),
            ("IMAGE_TAG", "<1.0.0>", Some(Placeholder)),
            ("FLOWER_BASIC_AUTH", "admin:admin", Some(Default)),
            ("FLOWER_BASIC_AUTH", "ops:ops", Some(User)),
            ("DATABASE_URL", "postgresql://app:postgres@db:5432/x", Some(Default)),
            ("DATABASE_URL", "postgresql+asyncpg://app:app@db/x", Some(User)),
            ("DATABASE_URL", "postgresql://app:@db/x", Some(Empty)),
            ("DATABASE_URL", "postgresql://USER:<PASSWORD>@HOST:5432/x", Some(Placeholder)),
            ("REDIS_URL", "redis://:redis@redis:6379/0", Some(Default)),
            // Strong passwords, and values that are no passwords.
            ("POSTGRES_PASSWORD", "d9c1f0aa73b14c55", None),
            ("POSTGRES_PASSWORD_FILE", "/run/secrets/postgres", None),
            ("DATABASE_URL", "postgresql://app:d9c1f0aa73b14c55@db/postgres", None),
            ("DATABASE_URL", "postgresql://db.example/postgres", None),
            ("REDIS_URL", "redis://redis:6379/0", None),
            ("SESSION_TOKEN", "", None),
            ("PARTITION_KEY", "user", None),
            ("TOKEN_TYPE", "default", None),
            ("PASSWORD_HASHER", "default", None),
            ("POSTGRES_USER", "postgres", None),
            ("POSTGRES_DB", "postgres", None),
            ("LOG_LEVEL", "test", None),
            ("AWS_ACCESS_KEY_ID", "test", None),
            ("AUTH_URL", "https://auth.example:8443/x", None),
            ("COMPARE", "a<b>", None),
        ] {
            assert_eq!(weakness(name, value, None), expected, "{name}");
        }
    }

    #[test]
    fn a_password_equal_to_the_user_name_is_weak() {
        let user = |name: &str| (name == "POSTGRES_USER").then_some("coordinator");
        let found = user_of("POSTGRES_PASSWORD", user);
        assert_eq!(weakness("POSTGRES_PASSWORD", "coordinator", found), Some(Weakness::User));
        assert_eq!(weakness("OTHER_PASSWORD", "coordinator", user_of("OTHER_PASSWORD", user)), None);
    }
}

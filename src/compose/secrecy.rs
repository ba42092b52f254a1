//! Finds secrets: names that mean one, passwords in addresses. Also hides the secrets of a service in texts.

use std::collections::BTreeMap;

use super::model::{Project, Service};

/// Parts of names that mean a secret.
const SECRETIVE: [&str; 4] = ["password", "secret", "token", "key"];

/// The shortest value under a secret's name that is looked for in a text: shorter ones are in every text.
const SHORTEST_SECRET: usize = 4;
/// The shortest value that a variable or an env file gave. Those are seldom secrets, and short ones are words.
const SHORTEST_GIVEN: usize = 8;

/// Whether a name means a secret.
pub fn is_secretive(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRETIVE.iter().any(|word| name.contains(word))
}

/// The user's part of each address in a text: `user:password` of `postgres://user:password@host/db`.
pub fn user_infos(text: &str) -> impl Iterator<Item = &str> {
    text.split("://").skip(1).filter_map(|rest| {
        let authority = rest.split(['/', ' ', '"', '\'']).next()?;
        authority.rsplit_once('@').map(|(user, _)| user)
    })
}

/// The secrets of a service by the text that is shown instead: `${NAME}`, as in a Compose file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets(BTreeMap<String, String>);

impl Secrets {
    /// The values that a variable, an env file or a secret gave a service, and those with a secret's name.
    pub fn of_service(project: &Project, service: &Service) -> Secrets {
        let mut secrets = Secrets::default();
        for (name, value) in &service.environment {
            let Some(value) = value else { continue };
            secrets.add_variable(name, value);
            if service.given.0.contains(&format!("environment.{name}")) && value.len() >= SHORTEST_GIVEN {
                secrets.add(value, name);
            }
        }
        for used in &service.secrets {
            let secret = project.secrets.get(used.source.as_str());
            if let Some(text) = secret.and_then(|secret| secret.resolved.as_deref()) {
                secrets.add_secret(text, &used.source);
            }
        }
        secrets
    }

    /// The secrets of a container's environment by their names alone.
    #[must_use]
    pub fn with_environment<'a>(
        mut self,
        environment: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Secrets {
        for (name, value) in environment {
            self.add_variable(name, value);
        }
        self
    }

    /// The text with names in place of secrets; the longest first, since one may be a part of another.
    pub fn scrub(&self, text: &str) -> String {
        let mut values: Vec<(&String, &String)> = self.0.iter().collect();
        values.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        values.into_iter().fold(text.to_owned(), |text, (value, shown)| match text.contains(value) {
            true => text.replace(value, shown),
            false => text,
        })
    }

    fn add_variable(&mut self, name: &str, value: &str) {
        if is_secretive(name) {
            self.add_secret(value, name);
        }
        for user in user_infos(value) {
            let password = user.split_once(':').map_or(user, |(_, password)| password);
            self.add_secret(password, name);
        }
    }

    fn add_secret(&mut self, value: &str, name: &str) {
        // Files end in a line break that programs cut off.
        let value = value.trim();
        if value.len() >= SHORTEST_SECRET {
            self.add(value, name);
        }
    }

    fn add(&mut self, value: &str, name: &str) {
        self.0.entry(value.to_owned()).or_insert_with(|| format!("${{{name}}}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::model::FileReference;

    fn service(environment: &[(&str, &str)], given: &[&str]) -> Service {
        let mut service = Service::default();
        for (name, value) in environment {
            service.environment.insert((*name).to_owned(), Some((*value).to_owned()));
        }
        service.given.0.extend(given.iter().map(|name| format!("environment.{name}")));
        service
    }

    fn scrubbed(service: &Service, text: &str) -> String {
        Secrets::of_service(&Project::default(), service).scrub(text)
    }

    #[test]
    fn a_value_with_a_secrets_name_is_shown_by_that_name() {
        let service = service(&[("DB_PASSWORD", "hunter2"), ("LEVEL", "debugging"), ("API_KEY", "abc")], &[]);
        assert_eq!(scrubbed(&service, "hunter2 debugging abc"), "${DB_PASSWORD} debugging abc");
    }

    #[test]
    fn a_variables_value_is_shown_by_its_name_unless_it_is_a_word() {
        let service = service(&[("DSN", "host=10.0.0.9"), ("LEVEL", "info")], &["DSN", "LEVEL"]);
        assert_eq!(scrubbed(&service, "info: cannot reach host=10.0.0.9"), "info: cannot reach ${DSN}");
    }

    #[test]
    fn the_password_of_an_address_is_hidden_wherever_it_appears() {
        let service = service(&[("DATABASE_URL", "postgres://app:s3cr3t@db/app")], &[]);
        assert_eq!(
            scrubbed(&service, "login as app with s3cr3t failed for postgres://app:s3cr3t@db/app"),
            "login as app with ${DATABASE_URL} failed for postgres://app:${DATABASE_URL}@db/app"
        );
    }

    #[test]
    fn longer_secrets_go_before_those_that_they_contain() {
        let service = service(&[("A_TOKEN", "abcd"), ("B_TOKEN", "abcd-efgh")], &[]);
        assert_eq!(scrubbed(&service, "abcd-efgh abcd"), "${B_TOKEN} ${A_TOKEN}");
    }

    #[test]
    fn a_secret_from_the_environment_is_hidden_too() {
        let mut project = Project::default();
        let secret =
            crate::compose::model::FileObject { resolved: Some("top\n".into()), ..Default::default() };
        project.secrets.insert("short".into(), secret.clone());
        project.secrets.insert(
            "api".into(),
            crate::compose::model::FileObject { resolved: Some("topmost\n".into()), ..secret },
        );
        let mut service = Service::default();
        for source in ["api", "short"] {
            service.secrets.push(FileReference { source: source.into(), ..Default::default() });
        }
        assert_eq!(Secrets::of_service(&project, &service).scrub("top topmost"), "top ${api}");
    }
}

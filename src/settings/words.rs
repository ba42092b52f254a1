//! The words behind a verb: a mode, `all`, service names; and SERVICES from the command line or the environment.

use super::environment::Environment;
use crate::error::{Failure, Kind};

/// What words may mean.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    /// The names of the modes.
    pub modes: Vec<String>,
    /// Whether the project has modes at all; else every word is a service.
    pub has_modes: bool,
}

/// The words, classified. Whether a service of that name exists is known only when the files are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    mode: Option<String>,
    /// Whether `all` was said.
    pub all: bool,
    /// The services named, in order, each once.
    pub services: Vec<String>,
}

/// The mode of a command that names none.
const DEFAULT_MODE: &str = "local";

impl Words {
    /// Classifies words; SERVICES= and `-s` come before SOFA_SERVICES of the environment.
    ///
    /// # Errors
    /// Two different modes; a SERVICES that is there and empty.
    pub fn classify(
        words: &[String],
        options: &[String],
        environment: &Environment,
        vocabulary: &Vocabulary,
    ) -> Result<Words, Failure> {
        let mut result = Words::default();
        let mut named = Vec::new();
        let mut lists: Vec<&str> = options.iter().map(String::as_str).collect();
        for word in words {
            if let Some(list) = word.strip_prefix("SERVICES=") {
                lists.push(list);
            } else if vocabulary.has_modes && vocabulary.modes.contains(word) {
                match &result.mode {
                    Some(mode) if mode != word => {
                        return Err(Failure::new(Kind::Usage, format!("two modes: `{mode}` and `{word}`"))
                            .hint("name one mode; a service with a mode's name is reached by SERVICES="));
                    }
                    _ => result.mode = Some(word.clone()),
                }
            } else if word == "all" {
                result.all = true;
            } else {
                named.push(word.clone());
            }
        }
        if lists.is_empty() && named.is_empty() {
            lists.extend(environment.get("SOFA_SERVICES"));
        }
        for list in lists {
            let before = named.len();
            named
                .extend(list.split([',', ' ', '\t', '\n']).filter(|name| !name.is_empty()).map(String::from));
            if named.len() == before {
                return Err(Failure::new(Kind::Usage, "SERVICES is empty")
                    .hint("name services (SERVICES=a,b), or leave SERVICES out for the mode's own"));
            }
        }
        for name in named {
            if !result.services.contains(&name) {
                result.services.push(name);
            }
        }
        Ok(result)
    }

    /// Whether a mode was named.
    pub fn names_mode(&self) -> bool {
        self.mode.is_some()
    }

    /// The mode that was named, else the default one.
    pub fn mode(&self) -> &str {
        self.mode.as_deref().unwrap_or(DEFAULT_MODE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classify(words: &[&str], options: &[&str], environment: Environment) -> Result<Words, Failure> {
        let owned = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect::<Vec<_>>();
        let vocabulary = Vocabulary { modes: owned(&["local", "dev", "production"]), has_modes: true };
        Words::classify(&owned(words), &owned(options), &environment, &vocabulary)
    }

    #[test]
    fn modes_all_and_services_come_in_any_order() {
        let words = classify(&["web", "production", "all"], &[], Environment::default()).unwrap();
        assert_eq!(
            (words.mode(), words.all, words.services.clone()),
            ("production", true, vec!["web".to_string()])
        );
    }

    #[test]
    fn no_mode_means_local() {
        assert_eq!(classify(&[], &[], Environment::default()).unwrap().mode(), "local");
    }

    #[test]
    fn two_different_modes_are_refused_and_the_same_twice_is_not() {
        assert!(classify(&["dev", "local"], &[], Environment::default()).is_err());
        assert_eq!(classify(&["dev", "dev"], &[], Environment::default()).unwrap().mode(), "dev");
    }

    #[test]
    fn services_are_split_trimmed_and_kept_once_in_order() {
        let words = classify(&["SERVICES=b, a,,b"], &["c a"], Environment::default()).unwrap();
        assert_eq!(words.services, ["c", "a", "b"]);
    }

    #[test]
    fn the_command_line_beats_the_environment() {
        let environment = || Environment::from([("SOFA_SERVICES", "x,y")]);
        assert_eq!(classify(&[], &[], environment()).unwrap().services, ["x", "y"]);
        assert_eq!(classify(&["web"], &[], environment()).unwrap().services, ["web"]);
        assert_eq!(classify(&[], &["web"], environment()).unwrap().services, ["web"]);
    }

    #[test]
    fn services_that_are_there_and_empty_are_an_error() {
        assert!(classify(&["SERVICES="], &[], Environment::default()).is_err());
        assert!(classify(&[], &[" , "], Environment::default()).is_err());
        assert!(classify(&[], &[], Environment::from([("SOFA_SERVICES", "")])).is_err());
    }

    #[test]
    fn a_service_with_a_modes_name_is_reached_by_services() {
        let words = classify(&["SERVICES=dev"], &[], Environment::default()).unwrap();
        assert_eq!((words.mode(), words.services.clone()), ("local", vec!["dev".to_string()]));
    }
}

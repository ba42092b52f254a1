//! The words after a verb: a mode, `all`, a tag and services. SERVICES may also come from an option or the environment.

use super::environment::Environment;
use crate::error::{Failure, Kind};

/// The words that are not services.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    pub modes: Vec<String>,
    /// Without modes every word except `all` is a service.
    pub has_modes: bool,
    /// Whether the verb reads files, in which a tag means something.
    pub has_tags: bool,
    /// Whether the words after the first service are a command for its container.
    pub has_command: bool,
}

/// Classified words. Whether a service exists is checked when the files are loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    mode: Option<String>,
    pub all: bool,
    /// In order, without duplicates.
    pub services: Vec<String>,
    /// The tag of the images: a word such as `v1.2.3`.
    pub tag: Option<String>,
    /// The program and its arguments after the service, as typed.
    pub command: Vec<String>,
}

const OTHERWISE_A_SERVICE: &str = "name one tag; use `SERVICES=NAME` for a service with such a name";

/// Whether a word is a tag: it begins with `v` and a digit.
fn is_tag(word: &str) -> bool {
    word.strip_prefix('v').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// The mode of a command that names no mode.
const DEFAULT_MODE: &str = "local";

impl Words {
    /// Classifies words. SERVICES= and `-s` override SOFA_SERVICES.
    ///
    /// # Errors
    /// Two different modes, or an empty SERVICES.
    pub fn classify(
        words: &[String],
        options: &[String],
        environment: &Environment,
        vocabulary: &Vocabulary,
    ) -> Result<Words, Failure> {
        let mut result = Words::default();
        let mut named = Vec::new();
        let mut lists: Vec<&str> = options.iter().map(String::as_str).collect();
        let is_mode = |word: &String| vocabulary.has_modes && vocabulary.modes.contains(word);
        for (at, word) in words.iter().enumerate() {
            if vocabulary.has_command && (!named.is_empty() || !lists.is_empty() && !is_mode(word)) {
                result.command = words[at..].to_vec();
                break;
            }
            if let Some(list) = word.strip_prefix("SERVICES=") {
                lists.push(list);
            } else if is_mode(word) {
                match &result.mode {
                    Some(mode) if mode != word => {
                        return Err(Failure::new(
                            Kind::Usage,
                            format!("command names two modes: `{mode}` and `{word}`"),
                        )
                        .hint(
                            "name one mode; use `SERVICES=NAME` for a service that has the name of a mode",
                        ));
                    }
                    _ => result.mode = Some(word.clone()),
                }
            } else if word == "all" {
                result.all = true;
            } else if vocabulary.has_tags && is_tag(word) {
                match &result.tag {
                    Some(tag) if tag != word => {
                        let text = format!("command names two tags: `{tag}` and `{word}`");
                        return Err(Failure::new(Kind::Usage, text).hint(OTHERWISE_A_SERVICE));
                    }
                    _ => result.tag = Some(word.clone()),
                }
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
                return Err(Failure::new(Kind::Usage, "SERVICES is empty").hint(
                    "name services (`SERVICES=a,b`), or omit SERVICES to use the services of the mode",
                ));
            }
        }
        for name in named {
            if !result.services.contains(&name) {
                result.services.push(name);
            }
        }
        Ok(result)
    }

    pub fn names_mode(&self) -> bool {
        self.mode.is_some()
    }

    /// The named mode, else the default mode.
    pub fn mode(&self) -> &str {
        self.mode.as_deref().unwrap_or(DEFAULT_MODE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classify(words: &[&str], options: &[&str], environment: Environment) -> Result<Words, Failure> {
        let owned = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect::<Vec<_>>();
        let modes = owned(&["local", "dev", "production"]);
        let vocabulary = Vocabulary { modes, has_modes: true, has_tags: true, has_command: false };
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
    fn a_word_with_v_and_a_digit_is_a_tag() {
        let words = classify(&["production", "v1.2.3", "web", "vault"], &[], Environment::default()).unwrap();
        assert_eq!(words.tag.as_deref(), Some("v1.2.3"));
        assert_eq!(words.services, ["web", "vault"]);
        assert!(classify(&["v1", "v2"], &[], Environment::default()).is_err());
        let service = classify(&["SERVICES=v1"], &[], Environment::default()).unwrap();
        assert_eq!((service.tag, service.services), (None, vec!["v1".to_string()]));
        let without_files = Vocabulary { has_modes: true, ..Vocabulary::default() };
        let words = Words::classify(&["v1".into()], &[], &Environment::default(), &without_files).unwrap();
        assert_eq!((words.tag, words.services), (None, vec!["v1".to_string()]));
    }

    #[test]
    fn the_words_after_the_service_are_its_command() {
        let modes = vec!["production".to_owned()];
        let vocabulary = Vocabulary { modes, has_modes: true, has_tags: false, has_command: true };
        for (option, line, service, command) in [
            (None, "production web ls all -v", "web", "ls all -v"),
            (None, "web production", "web", "production"),
            (None, "SERVICES=all echo web", "all", "echo web"),
            (None, "web", "web", ""),
            (Some("web"), "production ls production", "web", "ls production"),
        ] {
            let words: Vec<String> = line.split(' ').map(String::from).collect();
            let options: Vec<String> = option.into_iter().map(String::from).collect();
            let words = Words::classify(&words, &options, &Environment::default(), &vocabulary).unwrap();
            assert_eq!((words.services.join(" "), words.command.join(" ")), (service.into(), command.into()));
            assert!(!words.all);
        }
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
    fn services_are_split_trimmed_and_deduplicated_in_order() {
        let words = classify(&["SERVICES=b, a,,b"], &["c a"], Environment::default()).unwrap();
        assert_eq!(words.services, ["c", "a", "b"]);
    }

    #[test]
    fn the_command_line_overrides_the_environment() {
        let environment = || Environment::from([("SOFA_SERVICES", "x,y")]);
        assert_eq!(classify(&[], &[], environment()).unwrap().services, ["x", "y"]);
        assert_eq!(classify(&["web"], &[], environment()).unwrap().services, ["web"]);
        assert_eq!(classify(&[], &["web"], environment()).unwrap().services, ["web"]);
    }

    #[test]
    fn an_empty_services_is_an_error() {
        assert!(classify(&["SERVICES="], &[], Environment::default()).is_err());
        assert!(classify(&[], &[" , "], Environment::default()).is_err());
        assert!(classify(&[], &[], Environment::from([("SOFA_SERVICES", "")])).is_err());
    }

    #[test]
    fn services_can_name_a_service_with_the_name_of_a_mode() {
        let words = classify(&["SERVICES=dev"], &[], Environment::default()).unwrap();
        assert_eq!((words.mode(), words.services.clone()), ("local", vec!["dev".to_string()]));
    }
}

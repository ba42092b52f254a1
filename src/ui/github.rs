//! Workflow commands of GitHub Actions: a failure becomes an annotation of the workflow run.

use crate::error::Failure;

/// The failure as one line. The full text for people is printed before it.
pub(super) fn annotation(failure: &Failure) -> String {
    let text = failure.messages.iter().chain(&failure.hints).map(|text| text.trim_end()).collect::<Vec<_>>();
    format!("::error title=sofa::{}\n", escaped(&text.join("\n")))
}

/// Escapes what would end a workflow command or be read as an escape.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::annotation;
    use crate::error::{Failure, Kind};

    #[test]
    fn a_failure_of_several_lines_is_one_command() {
        let failure = Failure::new(Kind::Failed, "web: 100% broken\n  last line").hint("mend it");
        assert_eq!(annotation(&failure), "::error title=sofa::web: 100%25 broken%0A  last line%0Amend it\n");
    }
}

//! Text as the name of a project may be written.

/// Lower case, and of the rest only letters and digits of ASCII, `_` and `-`, none of the latter two first. May be empty.
pub fn slug(text: &str) -> String {
    let kept = |c: &char| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-');
    text.to_lowercase().chars().filter(kept).collect::<String>().trim_start_matches(['_', '-']).to_owned()
}

/// Whether a text is written so already.
pub fn is_slug(text: &str) -> bool {
    !text.is_empty() && slug(text) == text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_may_not_stand_in_them() {
        assert_eq!(slug("My.App_1-local"), "myapp_1-local");
        assert_eq!(slug("___"), "");
        assert_eq!(slug("-x-"), "x-");
        assert!(is_slug("app_1") && !is_slug("App") && !is_slug("") && !is_slug("_x"));
    }
}

//! A protected mode's env files: nobody else may read them, and git may not know them.

use std::os::unix::fs::MetadataExt;

use super::Subject;
use super::git_index::{self, Tracking};
use crate::diag::finding::{Finding, Place};

/// The mode bits that let somebody else in.
const OTHERS: u32 = 0o077;

pub(super) fn findings(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in subject.env_files {
        let shown = subject.shown(file);
        let place = Place::whole(&shown);
        match std::fs::metadata(file) {
            Ok(metadata) if metadata.mode() & OTHERS != 0 => {
                let message = format!(
                    "env file is open to other users of this machine (mode {:04o})",
                    metadata.mode() & 0o7777
                );
                let fix = format!("chmod 600 {shown}");
                findings.push(Finding::error("env-file-mode", message, place.clone(), fix).refused());
            }
            // One that is missing is the loader's to tell.
            _ => {}
        }
        match git_index::tracking(file) {
            Tracking::Untracked => {}
            Tracking::Tracked => {
                let message = "env file is tracked by git: whoever has the repository has what it holds";
                let fix = format!("git rm --cached {shown}; name it in .gitignore, and change its secrets");
                findings.push(Finding::error("env-file-tracked", message, place, fix).refused());
            }
            Tracking::Unknown(reason) => {
                let message = format!("whether git tracks the env file cannot be told: {reason}");
                findings.push(Finding::unchecked(
                    "env-file-tracked",
                    message,
                    place,
                    format!("git ls-files {shown} prints nothing"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use crate::compose::load::Loaded;
    use crate::diag::Sources;
    use crate::guard::Subject;

    /// The fixes for an env file with these mode bits.
    fn fixes(mode: u32) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.env");
        fs::write(&file, "A=1\n").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let subject = Subject {
            loaded: &Loaded::default(),
            sources: &Sources::default(),
            env_files: &[file],
            root: folder.path(),
            protected: true,
        };
        super::findings(&subject).into_iter().map(|finding| finding.fix).collect()
    }

    #[test]
    fn an_env_file_is_its_owners_alone() {
        for open in [0o644, 0o640, 0o604, 0o620, 0o601] {
            assert_eq!(fixes(open), ["chmod 600 x.env"], "{open:o}");
        }
        for closed in [0o600, 0o400] {
            assert!(fixes(closed).is_empty(), "{closed:o}");
        }
    }
}

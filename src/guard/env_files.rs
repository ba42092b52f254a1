//! The env files of a protected mode: no other user may read them, and git may not track them.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::candidate::Candidate;
use crate::diag::finding::{Finding, Place};
use crate::util::git::{self, Tracking};

/// The permission bits of group and others.
const OTHERS: u32 = 0o077;

pub(super) async fn findings(candidate: &Candidate<'_>) -> Vec<Finding> {
    let tracking = git::tracking(candidate.env_files).await;
    let files = candidate.env_files.iter().zip(tracking);
    files
        .flat_map(|(file, tracking)| {
            let shown = candidate.shown(file);
            [permissions(file, &shown), tracked(tracking, &shown)].into_iter().flatten()
        })
        .collect()
}

fn permissions(file: &Path, shown: &str) -> Option<Finding> {
    // The loader reports a missing file.
    let mode = std::fs::metadata(file).ok()?.mode();
    (mode & OTHERS != 0).then(|| {
        let message = format!("env file is open to other users of this machine (mode {:04o})", mode & 0o7777);
        Finding::error("env-file-mode", message, Place::whole(shown), format!("chmod 600 {shown}")).refused()
    })
}

fn tracked(tracking: Tracking, shown: &str) -> Option<Finding> {
    const RULE: &str = "env-file-tracked";
    let place = Place::whole(shown);
    match tracking {
        Tracking::Untracked => None,
        Tracking::Tracked => {
            let message =
                "env file is tracked by git: everyone who can read the repository can read its secrets";
            let fix = format!("git rm --cached {shown}; add it to .gitignore, and change its secrets");
            Some(Finding::error(RULE, message, place, fix).refused())
        }
        Tracking::Unknown(reason) => {
            let message = format!("cannot check whether git tracks the env file: {reason}");
            let fix = format!("run `git ls-files {shown}` in the repository; it must print nothing");
            Some(Finding::unchecked(RULE, message, place, fix))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use crate::compose::load::Loaded;
    use crate::diag::Sources;
    use crate::diag::finding::Severity;
    use crate::guard::Candidate;

    /// The fixes for an env file with these mode bits.
    async fn fixes(mode: u32) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.env");
        fs::write(&file, "A=1\n").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let candidate = Candidate {
            loaded: &Loaded::default(),
            sources: &Sources::default(),
            env_files: &[file],
            root: folder.path(),
            protected: true,
            wait_timeout: std::time::Duration::from_secs(360),
        };
        let findings = super::findings(&candidate).await.into_iter();
        findings.filter(|finding| finding.severity == Severity::Error).map(|finding| finding.fix).collect()
    }

    #[tokio::test]
    async fn only_the_owner_may_open_an_env_file() {
        for open in [0o644, 0o640, 0o604, 0o620, 0o601] {
            assert_eq!(fixes(open).await, ["chmod 600 x.env"], "{open:o}");
        }
        for closed in [0o600, 0o400] {
            assert!(fixes(closed).await.is_empty(), "{closed:o}");
        }
    }
}

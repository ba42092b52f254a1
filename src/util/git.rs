//! Facts from git: the checked-out revision, read from the repository's files, and which files git tracks, asked of git itself.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// Whether git tracks a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tracking {
    Tracked,
    Untracked,
    /// Git gave no answer, and why.
    Unknown(String),
}

/// Whether git tracks these files, in their order. A symbolic link also counts as tracked where its target is tracked.
pub async fn tracking(files: &[PathBuf]) -> Vec<Tracking> {
    Git { program: "git".into(), timeout: TIMEOUT }.tracking(files).await
}

/// `git ls-files` reads one file; more time than this means a network drive that does not answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Variables that point git to another repository than the one around the file. A git hook sets them.
const OTHER_REPOSITORY: [&str; 6] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY"];

struct Git {
    program: OsString,
    timeout: Duration,
}

impl Git {
    async fn tracking(&self, files: &[PathBuf]) -> Vec<Tracking> {
        let paths: Vec<BTreeSet<PathBuf>> = files.iter().map(|file| paths_of(file)).collect();
        let mut repositories: BTreeMap<&Path, Vec<&Path>> = BTreeMap::new();
        for path in paths.iter().flatten() {
            if let Some(root) = root_of(path) {
                repositories.entry(root).or_default().push(path);
            }
        }
        let mut tracked = BTreeMap::new();
        for (root, paths) in repositories {
            tracked.insert(root, self.tracked(root, &paths).await);
        }
        paths.iter().map(|paths| answer(paths, &tracked)).collect()
    }

    /// The paths that the repository at `root` tracks. One call for all of them.
    async fn tracked(&self, root: &Path, paths: &[&Path]) -> Result<BTreeSet<PathBuf>, String> {
        let mut command = Command::new(&self.program);
        command.arg("-C").arg(root).args(["--literal-pathspecs", "ls-files", "-z", "--"]).args(paths);
        command.stdin(Stdio::null()).kill_on_drop(true);
        for name in OTHER_REPOSITORY {
            command.env_remove(name);
        }
        let output = match tokio::time::timeout(self.timeout, command.output()).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err("`git` is not installed".to_owned());
            }
            Ok(Err(error)) => return Err(format!("`git` cannot be started: {error}")),
            Err(_) => {
                return Err(format!("`git ls-files` did not answer within {} s", self.timeout.as_secs_f64()));
            }
        };
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            let reason = text.lines().next().unwrap_or("it says nothing");
            return Err(format!("`git ls-files` failed: {}", reason.trim_start_matches("fatal: ")));
        }
        let names = output.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        Ok(names.map(|name| root.join(OsStr::from_bytes(name))).collect())
    }
}

/// The file under its own name and, where that is a symbolic link, its target; both without links in their folders.
fn paths_of(file: &Path) -> BTreeSet<PathBuf> {
    let folder = file.parent().and_then(|folder| fs::canonicalize(folder).ok());
    let named = folder.zip(file.file_name()).map(|(folder, name)| folder.join(name));
    named.into_iter().chain(fs::canonicalize(file)).collect()
}

/// The root of the work tree that contains the file.
fn root_of(file: &Path) -> Option<&Path> {
    file.ancestors().skip(1).find(|folder| git_folder(folder).is_some())
}

fn answer(
    paths: &BTreeSet<PathBuf>,
    tracked: &BTreeMap<&Path, Result<BTreeSet<PathBuf>, String>>,
) -> Tracking {
    let mut reason = None;
    let mut is_in_repository = false;
    for path in paths {
        match root_of(path).and_then(|root| tracked.get(root)) {
            Some(Ok(tracked)) if tracked.contains(path) => return Tracking::Tracked,
            Some(Ok(_)) => is_in_repository = true,
            Some(Err(error)) => reason = Some(error.clone()),
            None => {}
        }
    }
    match reason {
        Some(reason) => Tracking::Unknown(reason),
        None if is_in_repository => Tracking::Untracked,
        None => Tracking::Unknown("it is in no git repository".to_owned()),
    }
}

/// The commit that is checked out in the repository around `folder`; none without a repository or a commit. It is read from
/// files, so it is known where git is not installed or refuses the repository because another user owns it.
pub fn revision(folder: &Path) -> Option<String> {
    let git = folder.ancestors().find_map(git_folder)?;
    let head = fs::read_to_string(git.join("HEAD")).ok()?;
    let Some(name) = head.trim().strip_prefix("ref: ") else {
        return commit(&head);
    };
    // A worktree has its own HEAD and shares the branches.
    let shared =
        fs::read_to_string(git.join("commondir")).map_or_else(|_| git.clone(), |path| git.join(path.trim()));
    let loose = fs::read_to_string(shared.join(name)).ok();
    loose.and_then(|text| commit(&text)).or_else(|| packed(&shared, name))
}

/// The repository's folder, where one is at this place: `.git`, or where the file `.git` points.
fn git_folder(place: &Path) -> Option<PathBuf> {
    let git = place.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = fs::read_to_string(&git).ok()?;
    Some(place.join(text.trim().strip_prefix("gitdir: ")?))
}

fn packed(shared: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(shared.join("packed-refs")).ok()?;
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(_, packed)| *packed == name)
        .and_then(|(id, _)| commit(id))
}

fn commit(text: &str) -> Option<String> {
    let id = text.trim();
    (id.len() >= 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";

    fn write(folder: &Path, path: &str, text: &str) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn the_revision_comes_from_a_branch_a_packed_branch_or_a_detached_head() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        assert_eq!(revision(at), None);
        write(at, ".git/HEAD", "ref: refs/heads/main\n");
        assert_eq!(revision(at), None, "no commit yet");
        write(
            at,
            ".git/packed-refs",
            &format!("# pack-refs\n{TWO} refs/heads/other\n{ONE} refs/heads/main\n"),
        );
        assert_eq!(revision(at).as_deref(), Some(ONE));
        write(at, ".git/refs/heads/main", &format!("{TWO}\n"));
        write(at, "deep/down/file", "");
        assert_eq!(revision(&at.join("deep/down")).as_deref(), Some(TWO));
        write(at, ".git/HEAD", &format!("{ONE}\n"));
        assert_eq!(revision(at).as_deref(), Some(ONE));
    }

    #[test]
    fn a_worktree_has_its_own_head_and_shares_the_branches() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        write(at, "main/.git/worktrees/side/HEAD", "ref: refs/heads/side\n");
        write(at, "main/.git/worktrees/side/commondir", "../..\n");
        write(at, "main/.git/refs/heads/side", ONE);
        write(at, "side/.git", &format!("gitdir: {}/main/.git/worktrees/side\n", at.display()));
        assert_eq!(revision(&at.join("side")).as_deref(), Some(ONE));
    }

    /// Runs git in a folder, without this machine's own configuration.
    fn git(folder: &Path, arguments: &[&str]) {
        let mut command = std::process::Command::new("git");
        command.args(["-c", "user.name=x", "-c", "user.email=x@example.com"]).args(arguments);
        command.current_dir(folder).envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")]);
        for name in OTHER_REPOSITORY {
            command.env_remove(name);
        }
        let run = command.output().unwrap();
        assert!(run.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
    }

    /// A repository in which git tracks some files and not others.
    fn repository(init: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &[&["init", "-q"], init].concat());
        for name in [
            "envs/.production.env",
            "envs/.production.env.example",
            "envs/deep/er/a",
            "envs/[x]",
            "envs/x",
            "z",
        ] {
            write(folder.path(), name, "A=1\n");
        }
        git(folder.path(), &["add", "envs/.production.env.example", "envs/deep", "envs/x", "z"]);
        folder
    }

    async fn tracking_of(folder: &Path, names: &[&str]) -> Vec<Tracking> {
        tracking(&names.iter().map(|name| folder.join(name)).collect::<Vec<_>>()).await
    }

    #[tokio::test]
    async fn git_says_which_files_it_tracks() {
        use Tracking::{Tracked, Untracked};
        for init in [&[][..], &["--object-format=sha256"]] {
            let folder = repository(init);
            let at = folder.path();
            let names =
                ["envs/.production.env", "z", "envs/[x]", "envs/.production.env.example", "envs/deep/er/a"];
            assert_eq!(tracking_of(at, &names).await, [Untracked, Tracked, Untracked, Tracked, Tracked]);
            git(at, &["add", "-f", "envs/.production.env"]);
            git(at, &["update-index", "--index-version", "4", "--skip-worktree", "z", "--split-index"]);
            assert_eq!(tracking_of(at, &names[..2]).await, [Tracked, Tracked]);
            git(at, &["rm", "-q", "--cached", "envs/.production.env"]);
            assert_eq!(tracking_of(at, &names[..2]).await, [Untracked, Tracked]);
        }
    }

    #[tokio::test]
    async fn each_repository_is_asked_for_its_own_files() {
        let (one, two) = (repository(&[]), repository(&[]));
        git(one.path(), &["commit", "-q", "-m", "x"]);
        git(one.path(), &["worktree", "add", "-q", "side"]);
        write(one.path(), "side/new", "");
        let files = [one.path().join("side/new"), one.path().join("side/z"), two.path().join("z")];
        let expected = [Tracking::Untracked, Tracking::Tracked, Tracking::Tracked];
        assert_eq!(tracking(&files).await, expected);
    }

    #[tokio::test]
    async fn a_link_to_a_tracked_file_is_tracked() {
        let folder = repository(&[]);
        std::os::unix::fs::symlink(folder.path().join("z"), folder.path().join("link")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("envs"), folder.path().join("folder")).unwrap();
        let found = tracking_of(folder.path(), &["link", "folder/x", "folder/.production.env"]).await;
        assert_eq!(found, [Tracking::Tracked, Tracking::Tracked, Tracking::Untracked]);
    }

    #[tokio::test]
    async fn without_a_repository_git_or_an_answer_tracking_is_unknown() {
        let outside = tempfile::tempdir().unwrap();
        write(outside.path(), "x.env", "");
        let unknown = |reason: &str| vec![Tracking::Unknown(reason.to_owned())];
        assert_eq!(tracking_of(outside.path(), &["x.env"]).await, unknown("it is in no git repository"));

        let folder = repository(&[]);
        let file = [folder.path().join("z")];
        let absent = Git { program: "/nowhere/git".into(), timeout: TIMEOUT };
        assert_eq!(absent.tracking(&file).await, unknown("`git` is not installed"));

        let script = folder.path().join("slow");
        fs::write(&script, "#!/bin/sh\nexec sleep 60\n").unwrap();
        fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let slow = Git { program: script.into(), timeout: Duration::from_millis(100) };
        assert_eq!(slow.tracking(&file).await, unknown("`git ls-files` did not answer within 0.1 s"));

        fs::write(folder.path().join(".git/index"), "broken").unwrap();
        let [Tracking::Unknown(reason)] = &tracking(&file).await[..] else {
            panic!("a broken index is read")
        };
        assert!(reason.starts_with("`git ls-files` failed: "), "{reason}");
    }
}

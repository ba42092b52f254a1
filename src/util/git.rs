//! The revision that a folder's git repository has checked out, read from its files.

use std::fs;
use std::path::{Path, PathBuf};

/// The commit that is checked out where `folder` lies; none where that is no repository, or has no commit yet.
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
    use std::fs;
    use std::path::Path;

    use super::revision;

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";

    fn write(folder: &Path, path: &str, text: &str) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn it_is_read_from_a_branch_a_packed_branch_and_a_detached_head() {
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
}

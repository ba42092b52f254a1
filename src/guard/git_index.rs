//! Whether git tracks a file, read from the repository's index (versions 2 to 4, git's `index-format`): no program is run.

use std::fs;
use std::path::{Path, PathBuf};

/// What the index says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tracking {
    /// It is in the index.
    Tracked,
    /// It is not, or it is in no repository.
    Untracked,
    /// The index cannot be read, and why.
    Unknown(String),
}

/// Whether git tracks this file. What a symbolic link points to counts too.
pub(super) fn tracking(file: &Path) -> Tracking {
    let real = fs::canonicalize(file).ok();
    let named = file.parent().and_then(|folder| fs::canonicalize(folder).ok()).zip(file.file_name());
    let named = named.map(|(folder, name)| folder.join(name));
    let mut answer = Tracking::Untracked;
    for path in [named, real].into_iter().flatten() {
        match in_repository(&path) {
            Tracking::Untracked => {}
            told => answer = told,
        }
        if answer == Tracking::Tracked {
            break;
        }
    }
    answer
}

fn in_repository(path: &Path) -> Tracking {
    let Some((root, git)) = path.ancestors().skip(1).find_map(|folder| Some((folder, git_folder(folder)?)))
    else {
        return Tracking::Untracked;
    };
    let Ok(inside) = path.strip_prefix(root) else {
        return Tracking::Untracked;
    };
    let bytes = match fs::read(git.join("index")) {
        Ok(bytes) => bytes,
        // A repository where nothing was ever added.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Tracking::Untracked,
        Err(error) => return Tracking::Unknown(format!("{}: {error}", git.join("index").display())),
    };
    match holds(&bytes, id_length(&git), inside.as_os_str().as_encoded_bytes()) {
        Ok(true) => Tracking::Tracked,
        Ok(false) => Tracking::Untracked,
        Err(reason) => Tracking::Unknown(format!("{}: {reason}", git.join("index").display())),
    }
}

/// The git folder of a work tree's root: `.git`, or what a file of that name points to (worktrees, submodules).
fn git_folder(root: &Path) -> Option<PathBuf> {
    let git = root.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = fs::read_to_string(&git).ok()?;
    Some(root.join(text.strip_prefix("gitdir:")?.trim()))
}

/// Bytes of an object's id: 20, or 32 where the repository's configuration says `objectformat = sha256`.
fn id_length(git: &Path) -> usize {
    let common = fs::read_to_string(git.join("commondir")).map(|text| git.join(text.trim()));
    let config =
        fs::read_to_string(common.unwrap_or_else(|_| git.to_path_buf()).join("config")).unwrap_or_default();
    let is_sha256 = config.lines().filter_map(|line| line.split_once('=')).any(|(key, value)| {
        key.trim().eq_ignore_ascii_case("objectformat") && value.trim().eq_ignore_ascii_case("sha256")
    });
    if is_sha256 { 32 } else { 20 }
}

/// Whether an index has an entry of that path.
fn holds(index: &[u8], id_length: usize, wanted: &[u8]) -> Result<bool, &'static str> {
    const CUT: &str = "it ends too early";
    /// Times, device, inode, mode, owner and size stand before the id.
    const BEFORE_ID: usize = 40;
    const EXTENDED: u16 = 0x4000;
    let mut reader = Reader { bytes: index, at: 0 };
    if reader.take(4) != Some(b"DIRC") {
        return Err("it is no index of git");
    }
    let version = reader.number().ok_or(CUT)?;
    if !(2..=4).contains(&version) {
        return Err("its version is unknown");
    }
    let mut path = Vec::new();
    for _ in 0..reader.number().ok_or(CUT)? {
        let start = reader.at;
        reader.take(BEFORE_ID + id_length).ok_or(CUT)?;
        let flags = reader.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]])).ok_or(CUT)?;
        if version >= 3 && flags & EXTENDED != 0 {
            reader.take(2).ok_or(CUT)?;
        }
        // Version 4 leaves out what a path has in common with the one before it.
        let kept =
            if version == 4 { path.len().checked_sub(reader.offset().ok_or(CUT)?).ok_or(CUT)? } else { 0 };
        path.truncate(kept);
        path.extend_from_slice(reader.until_nul().ok_or(CUT)?);
        if version < 4 {
            // One to eight NULs, until the entry's length is a multiple of eight.
            let length = reader.at - 1 - start;
            reader.at = start + (length / 8 + 1) * 8;
        }
        if path == wanted {
            return Ok(true);
        }
    }
    if is_split(reader.bytes.get(reader.at..).unwrap_or_default(), id_length) {
        return Err("it is split over several files");
    }
    Ok(false)
}

/// Whether the extension `link` says that most entries stand in another file.
fn is_split(extensions: &[u8], checksum: usize) -> bool {
    let mut reader = Reader { bytes: &extensions[..extensions.len().saturating_sub(checksum)], at: 0 };
    while let (Some(name), Some(length)) = (reader.take(4), reader.number()) {
        if name == b"link" {
            return true;
        }
        if reader.take(length as usize).is_none() {
            break;
        }
    }
    false
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        self.take(4).and_then(|bytes| Some(u32::from_be_bytes(bytes.try_into().ok()?)))
    }

    /// git's variable-width number of a pack's offsets: seven bits a byte, the highest bit says that more follow.
    fn offset(&mut self) -> Option<usize> {
        let mut value = 0usize;
        loop {
            let byte = self.take(1)?[0];
            value = value.checked_mul(128)?.checked_add(usize::from(byte & 0x7f))?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
            value = value.checked_add(1)?;
        }
    }

    fn until_nul(&mut self) -> Option<&'a [u8]> {
        let length = self.bytes.get(self.at..)?.iter().position(|byte| *byte == 0)?;
        let text = self.take(length)?;
        self.at += 1;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Runs git in a folder, away from this machine's own settings.
    fn git(folder: &Path, arguments: &[&str]) {
        let run = Command::new("git")
            .args(["-c", "user.name=x", "-c", "user.email=x@example.com"])
            .args(arguments)
            .current_dir(folder)
            .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
            .env_remove("GIT_DIR")
            .env_remove("GIT_INDEX_FILE")
            .env_remove("GIT_WORK_TREE")
            .output()
            .unwrap();
        assert!(run.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
    }

    /// A repository in which git itself tracks some files and not others.
    fn repository(init: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &[&["init", "-q"], init].concat());
        fs::create_dir_all(folder.path().join("envs/deep/er")).unwrap();
        for name in
            ["envs/.production.env", "envs/.production.env.example", "envs/deep/er/a", "envs/other", "z"]
        {
            fs::write(folder.path().join(name), "A=1\n").unwrap();
        }
        git(folder.path(), &["add", "envs/.production.env.example", "envs/deep", "z"]);
        folder
    }

    fn assert_told_right(folder: &Path) {
        let told = |name: &str| tracking(&folder.join(name));
        assert_eq!(told("envs/.production.env"), Tracking::Untracked);
        assert_eq!(told("envs/other"), Tracking::Untracked);
        for tracked in ["envs/.production.env.example", "envs/deep/er/a", "z"] {
            assert_eq!(told(tracked), Tracking::Tracked, "{tracked}");
        }
        git(folder, &["add", "-f", "envs/.production.env"]);
        assert_eq!(told("envs/.production.env"), Tracking::Tracked);
        git(folder, &["rm", "-q", "--cached", "envs/.production.env"]);
        assert_eq!(told("envs/.production.env"), Tracking::Untracked);
    }

    #[test]
    fn every_version_of_the_index_is_read() {
        for version in ["2", "3", "4"] {
            let folder = repository(&[]);
            git(folder.path(), &["update-index", "--index-version", version]);
            // Version 3 is written only where an entry needs its second flags.
            git(folder.path(), &["update-index", "--skip-worktree", "envs/deep/er/a"]);
            assert_told_right(folder.path());
        }
    }

    #[test]
    fn a_repository_of_sha256_ids_is_read() {
        let folder = repository(&["--object-format=sha256"]);
        assert_told_right(folder.path());
    }

    #[test]
    fn a_worktree_has_an_index_of_its_own() {
        let folder = repository(&[]);
        git(folder.path(), &["commit", "-q", "-m", "x"]);
        git(folder.path(), &["worktree", "add", "-q", "side"]);
        let side = folder.path().join("side");
        assert_eq!(tracking(&side.join("z")), Tracking::Tracked);
        fs::write(side.join("new"), "").unwrap();
        assert_eq!(tracking(&side.join("new")), Tracking::Untracked);
    }

    #[test]
    fn a_link_to_a_tracked_file_counts() {
        let folder = repository(&[]);
        std::os::unix::fs::symlink(folder.path().join("z"), folder.path().join("link")).unwrap();
        assert_eq!(tracking(&folder.path().join("link")), Tracking::Tracked);
    }

    #[test]
    fn what_cannot_be_read_is_said_to_be_unknown() {
        let folder = repository(&[]);
        let index = folder.path().join(".git/index");
        let whole = fs::read(&index).unwrap();
        for broken in [b"".as_slice(), b"DIRC", b"DIRC\0\0\0\x09\0\0\0\x01", &whole[..whole.len() / 2]] {
            fs::write(&index, broken).unwrap();
            let told = tracking(&folder.path().join("envs/other"));
            assert!(matches!(told, Tracking::Unknown(_)), "{told:?}");
        }
        fs::write(&index, &whole).unwrap();
        git(folder.path(), &["update-index", "--split-index"]);
        let told = tracking(&folder.path().join("envs/other"));
        assert!(matches!(told, Tracking::Unknown(_)), "{told:?}");
    }

    #[test]
    fn without_a_repository_nothing_is_tracked() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x"), "").unwrap();
        assert_eq!(tracking(&folder.path().join("x")), Tracking::Untracked);
    }
}

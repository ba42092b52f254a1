//! Trees of files as tar archives.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

/// Writes a file or folder into an archive under another name; an empty name is for the content of a folder alone. Links are followed
/// for the source itself only, and only with `follow`.
///
/// # Errors
/// A file that cannot be read, by its path.
pub fn pack(source: &Path, name: &str, follow: bool, to: &mut impl Write) -> io::Result<()> {
    let mut archive = tar::Builder::new(to);
    archive.follow_symlinks(false);
    archive.sparse(false);
    let source = if follow { fs::canonicalize(source)? } else { source.to_owned() };
    let name = if name.is_empty() { "." } else { name };
    let packed = match fs::symlink_metadata(&source)?.is_dir() {
        true => archive.append_dir_all(name, &source),
        false => archive.append_path_with_name(&source, name),
    };
    packed.map_err(|error| io::Error::new(error.kind(), format!("`{}`: {error}", source.display())))?;
    archive.finish()
}

/// Unpacks an archive of one file or folder to a path, under any name in the archive. With `keep_owner` files keep their users
/// and groups. No entry is written outside of the path, over links either.
///
/// # Errors
/// A file that cannot be written; an entry that leads outside.
pub fn unpack(archive: impl Read, to: &Path, keep_owner: bool) -> io::Result<()> {
    let mut archive = tar::Archive::new(archive);
    archive.set_preserve_ownerships(keep_owner);
    archive.set_overwrite(true);
    // A folder may be closed for writing: it gets its mode when its content is there.
    let mut folders = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let target = below(to, &entry.path()?)?;
        refuse_outside(to, &target)?;
        match entry.header().entry_type() {
            tar::EntryType::Directory => {
                refuse_other(&target)?;
                fs::create_dir_all(&target)?;
                folders.push((target, entry.header().mode()?));
            }
            tar::EntryType::Link => {
                let linked = entry.link_name()?.ok_or(io::ErrorKind::InvalidData)?;
                let linked = below(to, &linked)?;
                refuse_outside(to, &linked)?;
                let _ = fs::remove_file(&target);
                fs::hard_link(linked, &target)?;
            }
            _ => drop(entry.unpack(&target)?),
        }
    }
    for (folder, mode) in folders.into_iter().rev() {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode & 0o7777))?;
    }
    Ok(())
}

/// The path of an entry: its first component is the name of the whole, for which `to` stands.
fn below(to: &Path, entry: &Path) -> io::Result<PathBuf> {
    let mut target = to.to_owned();
    let components = entry.components().filter(|component| *component != Component::CurDir);
    let skip = usize::from(!entry.starts_with("."));
    for component in components.skip(skip) {
        match component {
            Component::Normal(name) => target.push(name),
            _ => return Err(outside(entry)),
        }
    }
    Ok(target)
}

/// Refuses a path whose folder is outside, since a link is on the way.
fn refuse_outside(to: &Path, target: &Path) -> io::Result<()> {
    if target == to {
        return Ok(());
    }
    let folder = target.parent().unwrap_or(to);
    match fs::canonicalize(folder)?.starts_with(fs::canonicalize(to)?) {
        true => Ok(()),
        false => Err(outside(target)),
    }
}

/// Refuses to write a folder where something else is.
fn refuse_other(folder: &Path) -> io::Result<()> {
    match fs::symlink_metadata(folder) {
        Ok(found) if !found.is_dir() && !fs::metadata(folder).is_ok_and(|found| found.is_dir()) => {
            let text = format!("`{}` is no folder", folder.display());
            Err(io::Error::new(io::ErrorKind::NotADirectory, text))
        }
        _ => Ok(()),
    }
}

fn outside(path: &Path) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("`{}` leads outside of what is copied", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_arrives_as_it_was_under_its_new_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("a/b")).unwrap();
        fs::write(at("a/b/file"), "text").unwrap();
        std::os::unix::fs::symlink("b/file", at("a/link")).unwrap();
        for (name, target) in [("a", "c"), ("other", "e")] {
            let mut archive = Vec::new();
            pack(&at("a"), name, false, &mut archive).unwrap();
            unpack(&archive[..], &at(target), false).unwrap();
            assert_eq!(fs::read_to_string(at(target).join("b/file")).unwrap(), "text", "{name}");
            assert_eq!(fs::read_link(at(target).join("link")).unwrap(), Path::new("b/file"));
        }
        let mut archive = Vec::new();
        pack(&at("a/link"), "x", true, &mut archive).unwrap();
        unpack(&archive[..], &at("y"), false).unwrap();
        assert!(fs::symlink_metadata(at("y")).unwrap().is_file());
        fs::write(at("f"), "").unwrap();
        let mut archive = Vec::new();
        pack(&at("a"), "a", false, &mut archive).unwrap();
        assert!(unpack(&archive[..], &at("f"), false).is_err(), "a folder over a file");
    }

    #[test]
    fn an_archive_writes_nothing_outside() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("in/target");
        fs::create_dir_all(&target).unwrap();
        let archive = |path: &str| {
            let mut builder = tar::Builder::new(Vec::new());
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            header.set_mode(0o777);
            builder.append_link(&mut header, "root/link", "../..").unwrap();
            let mut header = tar::Header::new_gnu();
            header.set_size(1);
            header.set_mode(0o644);
            // The library refuses to write such names, so the bytes are set.
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_cksum();
            builder.append(&header, &b"x"[..]).unwrap();
            builder.into_inner().unwrap()
        };
        for path in ["root/link/evil", "root/../evil", "root/../../evil", "/root/../evil"] {
            assert!(unpack(&archive(path)[..], &target, false).is_err(), "{path}");
            assert!(!folder.path().join("evil").exists() && !folder.path().join("in/evil").exists());
        }
    }
}

//! A local build context: its files, their digest, and their tar archive as a stream.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::error::BuildError;
use super::ignore::Ignore;
use crate::engine::chunks::{CHUNK, ChunkWriter, Chunks, written_by};

#[derive(Debug)]
pub struct Context {
    root: PathBuf,
    entries: Vec<Entry>,
    /// Files that are not in the folder: a Dockerfile from another folder, or from the Compose file.
    extra: Vec<(String, Vec<u8>)>,
}

#[derive(Debug)]
struct Entry {
    path: PathBuf,
    kind: Kind,
    mode: u32,
    modified: u64,
}

#[derive(Debug)]
enum Kind {
    Folder,
    File { size: u64 },
    Link { target: PathBuf },
}

impl Context {
    /// Lists the files of a folder, ordered by name. Sockets, pipes and devices are left out.
    ///
    /// # Errors
    /// `File` where something cannot be read.
    pub(super) fn walk(root: &Path, ignore: &Ignore) -> Result<Context, BuildError> {
        let mut entries = Vec::new();
        enter(root, Path::new(""), ignore, &mut entries)?;
        Ok(Context { root: root.to_owned(), entries, extra: Vec::new() })
    }

    /// Adds a file that is not in the folder.
    pub(super) fn add(&mut self, name: &str, content: Vec<u8>) {
        self.extra.push((name.to_owned(), content));
    }

    /// Adds names, kinds, executable bits and contents to a digest. Owners, times and other mode bits depend on the
    /// checkout, so they are left out.
    ///
    /// # Errors
    /// `File` where something cannot be read.
    pub(super) fn digest(&self, hash: &mut Sha256) -> Result<(), BuildError> {
        for entry in &self.entries {
            let name = entry.path.as_os_str().as_bytes();
            match &entry.kind {
                Kind::Folder => field(hash, b"folder", name, b""),
                Kind::Link { target } => field(hash, b"link", name, target.as_os_str().as_bytes()),
                Kind::File { .. } => {
                    let kind: &[u8] = if entry.mode & 0o111 == 0 { b"file" } else { b"program" };
                    let path = self.root.join(&entry.path);
                    let digest = file_digest(&path).map_err(|error| BuildError::file(&path, error))?;
                    field(hash, kind, name, &digest);
                }
            }
        }
        for (name, content) in &self.extra {
            field(hash, b"extra", name.as_bytes(), &Sha256::digest(content));
        }
        Ok(())
    }

    /// The archive, written by a thread of its own while it is read, so it is never in memory as a whole.
    pub(super) fn into_stream(self) -> Chunks {
        written_by(move |writer| {
            let mut archive = tar::Builder::new(writer);
            self.write(&mut archive)
        })
    }

    fn write(&self, archive: &mut tar::Builder<&mut ChunkWriter>) -> io::Result<()> {
        for entry in &self.entries {
            let mut header = tar::Header::new_gnu();
            header.set_mode(entry.mode & 0o7777);
            header.set_mtime(entry.modified);
            header.set_uid(0);
            header.set_gid(0);
            let path = self.root.join(&entry.path);
            let written = match &entry.kind {
                Kind::Folder => {
                    header.set_entry_type(tar::EntryType::Directory);
                    header.set_size(0);
                    archive.append_data(&mut header, &entry.path, io::empty())
                }
                Kind::Link { target } => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    header.set_size(0);
                    archive.append_link(&mut header, &entry.path, target)
                }
                Kind::File { size } => {
                    header.set_size(*size);
                    File::open(&path).and_then(|file| {
                        archive.append_data(&mut header, &entry.path, Exactly { file, left: *size })
                    })
                }
            };
            written
                .map_err(|error| io::Error::new(error.kind(), format!("`{}`: {error}", path.display())))?;
        }
        for (name, content) in &self.extra {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, name, &content[..])?;
        }
        archive.finish()
    }
}

fn enter(root: &Path, folder: &Path, ignore: &Ignore, entries: &mut Vec<Entry>) -> Result<(), BuildError> {
    let absolute = root.join(folder);
    let failed = |error: io::Error| BuildError::file(&absolute, error);
    let mut children =
        fs::read_dir(&absolute).map_err(failed)?.collect::<io::Result<Vec<_>>>().map_err(failed)?;
    children.sort_by_key(fs::DirEntry::file_name);
    for child in children {
        let path = folder.join(child.file_name());
        let name = path.to_string_lossy();
        let is_ignored = ignore.is_ignored(&name);
        let failed = |error: io::Error| BuildError::file(&child.path(), error);
        let is_folder = child.file_type().map_err(failed)?.is_dir();
        if is_ignored && !(is_folder && ignore.may_keep_within(&name)) {
            continue;
        }
        if !is_ignored && let Some(entry) = entry(&child, &path).map_err(failed)? {
            entries.push(entry);
        }
        if is_folder {
            enter(root, &path, ignore, entries)?;
        }
    }
    Ok(())
}

/// An entry for a folder, a file or a link; none otherwise.
fn entry(child: &fs::DirEntry, path: &Path) -> io::Result<Option<Entry>> {
    let metadata = child.metadata()?;
    let kind = match metadata.file_type() {
        kind if kind.is_dir() => Kind::Folder,
        kind if kind.is_file() => Kind::File { size: metadata.len() },
        kind if kind.is_symlink() => Kind::Link { target: fs::read_link(child.path())? },
        _ => return Ok(None),
    };
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    let mode = metadata.permissions().mode();
    Ok(Some(Entry { path: path.to_owned(), kind, mode, modified }))
}

/// Adds a field to the digest, with lengths that separate it from the next.
pub(super) fn field(hash: &mut Sha256, kind: &[u8], name: &[u8], value: &[u8]) {
    for part in [kind, name, value] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
}

fn file_digest(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().to_vec()),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// Reads exactly as many bytes as the archive's header says: a file may change while it is sent.
struct Exactly {
    file: File,
    left: u64,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read(&mut buffer[..wanted])?;
        if read == 0 && wanted > 0 {
            return Err(io::Error::other("the file was truncated while it was sent"));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

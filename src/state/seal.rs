//! A record file with length and checksum before its content, so that a truncated write is detected. The form of its
//! first line never changes, also when the format of the content does.

use sha2::{Digest, Sha256};

use super::key::hex;

/// The format of all record files. A newer one is refused.
const FORMAT: u32 = 1;
/// The version of `sofa` that writes: an older one names it in its error.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A file that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unsealed<'a> {
    /// Of two files, the one with the higher number is newer.
    Whole { number: u64, content: &'a [u8] },
    /// In a format that only this version of `sofa` and newer ones read.
    Newer { number: u64, version: &'a str },
    /// Truncated, changed, or not written by `sofa`.
    Broken,
}

pub(super) fn seal(number: u64, content: &[u8]) -> Vec<u8> {
    seal_as(FORMAT, VERSION, number, content)
}

fn seal_as(format: u32, version: &str, number: u64, content: &[u8]) -> Vec<u8> {
    let head = format!("{format} {version} {number}");
    let mut file = format!("sofa-state {head} {} {}\n", content.len(), checksum(&head, content)).into_bytes();
    file.extend_from_slice(content);
    file
}

pub(super) fn unseal(file: &[u8]) -> Unsealed<'_> {
    read(file).unwrap_or(Unsealed::Broken)
}

fn read(file: &[u8]) -> Option<Unsealed<'_>> {
    let end = file.iter().position(|byte| *byte == b'\n')?;
    let (line, content) = (std::str::from_utf8(&file[..end]).ok()?, &file[end + 1..]);
    let words: Vec<&str> = line.split(' ').collect();
    let ["sofa-state", format, version, number, length, sum] = words[..] else {
        return None;
    };
    let whole = length.parse() == Ok(content.len())
        && checksum(&format!("{format} {version} {number}"), content) == sum;
    let (format, number): (u32, u64) = (format.parse().ok()?, number.parse().ok()?);
    whole.then_some(match format {
        ..=FORMAT => Unsealed::Whole { number, content },
        _ => Unsealed::Newer { number, version },
    })
}

fn checksum(head: &str, content: &[u8]) -> String {
    hex(&Sha256::new().chain_update(head).chain_update(b"\n").chain_update(content).finalize())
}

#[cfg(test)]
mod tests {
    use super::{FORMAT, Unsealed, seal, seal_as, unseal};

    #[test]
    fn sealed_content_is_read_back() {
        for content in [&b""[..], b"{}", b"two\nlines\n", &[0; 1000]] {
            assert_eq!(unseal(&seal(7, content)), Unsealed::Whole { number: 7, content });
        }
    }

    #[test]
    fn a_file_that_is_truncated_or_changed_anywhere_is_broken() {
        let file = seal(7, b"some content");
        for length in 0..file.len() {
            assert_eq!(unseal(&file[..length]), Unsealed::Broken, "{length}");
            let mut changed = file.clone();
            changed[length] ^= 1;
            assert_eq!(unseal(&changed), Unsealed::Broken, "byte {length}");
        }
        assert_eq!(unseal(&[&file[..], b"x"].concat()), Unsealed::Broken);
    }

    #[test]
    fn a_newer_format_names_the_version_that_it_needs() {
        let file = seal_as(FORMAT + 1, "9.1.0", 3, b"unknown");
        assert_eq!(unseal(&file), Unsealed::Newer { number: 3, version: "9.1.0" });
        assert_eq!(unseal(&file[..file.len() - 1]), Unsealed::Broken);
    }
}

//! The key of a project. Labels contain digests of values that may be secret, so the digests are keyed: without the key
//! nobody can guess a value from its digest.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// 32 random bytes, created together with the place of the project's records.
#[derive(Clone, PartialEq, Eq)]
pub struct ContentKey([u8; 32]);

impl ContentKey {
    /// Reads a key from its hexadecimal digits.
    pub fn from_text(text: &str) -> Option<ContentKey> {
        let digit = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(digit).collect();
        Some(ContentKey(bytes?.try_into().ok()?))
    }

    /// # Errors
    /// The system has no random numbers.
    pub fn generate() -> Result<ContentKey, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(ContentKey(bytes))
    }

    /// The key as hexadecimal digits.
    pub fn to_text(&self) -> String {
        hex(&self.0)
    }

    /// The digest of a content, as text for a label: the fingerprint of the key, then the digest.
    pub fn digest(&self, content: &[u8]) -> String {
        // HMAC pads a key with zeros to the size of a block.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(content);
        format!("{}:{}", self.fingerprint(), hex(&mac.finalize().into_bytes()))
    }

    /// Whether a digest was made with this key. A digest of another key (its records are lost) cannot be compared: it does
    /// not show whether the content changed.
    pub fn created(&self, digest: &str) -> bool {
        digest.split_once(':').is_some_and(|(fingerprint, _)| fingerprint == self.fingerprint())
    }

    /// Identifies the key without showing it.
    fn fingerprint(&self) -> String {
        hex(&Sha256::digest(self.0)[..4])
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContentKey(…)")
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::ContentKey;

    #[test]
    fn a_key_is_read_back_from_its_text() {
        let key = ContentKey::generate().unwrap();
        assert_eq!(ContentKey::from_text(&key.to_text()), Some(key));
        assert_eq!(ContentKey::from_text("beef"), None, "too short");
        assert_eq!(ContentKey::from_text(&"zz".repeat(32)), None, "no digits");
    }

    #[test]
    fn digests_show_whether_they_are_of_another_key_and_never_the_key() {
        let (one, two) = (ContentKey([1; 32]), ContentKey([2; 32]));
        assert_eq!(one.digest(b"a"), one.digest(b"a"));
        assert_ne!(one.digest(b"a"), one.digest(b"b"));
        assert_ne!(one.digest(b"a"), two.digest(b"a"));
        assert!(one.created(&one.digest(b"a")) && !one.created(&two.digest(b"a")) && !one.created(""));
        assert!(!one.digest(b"a").contains(&one.to_text()) && !format!("{one:?}").contains("01"));
        // RFC 4231 has no key of 32 bytes; this digest is from openssl: printf a | openssl mac -digest sha256 HMAC.
        assert!(
            one.digest(b"a").ends_with("8fed454e4af2e38d7a0c4f0345a12d8ca418554236df19d57b6a239c212bd8ea"),
            "{}",
            one.digest(b"a")
        );
    }
}

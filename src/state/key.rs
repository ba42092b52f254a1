//! The key of a project: digests of what may be secret stand in labels, so they must not be guessable from outside.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::engine::labels::sofa;
use crate::plan::observed::Observed;

/// 32 random bytes, made with the project's store and kept in a label of its volume: whoever reads it can read
/// `docker inspect` too, and the list of volumes tells it without a further call.
#[derive(Clone, PartialEq, Eq)]
pub struct ContentKey([u8; 32]);

impl ContentKey {
    /// The project's key, where it has one.
    pub fn of(observed: &Observed) -> Option<ContentKey> {
        let text = observed.store.as_ref()?.labels.get(sofa::KEY)?;
        let digit = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(digit).collect();
        Some(ContentKey(bytes?.try_into().ok()?))
    }

    /// A new key.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn generate() -> Result<ContentKey, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(ContentKey(bytes))
    }

    /// The key as its label holds it.
    pub(super) fn label(&self) -> String {
        hex(&self.0)
    }

    /// The digest of a content, fit for a label: which key it was made with, and the digest itself.
    pub fn digest(&self, content: &[u8]) -> String {
        // HMAC fills a key up to its block with zeros.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(content);
        format!("{}:{}", self.mark(), hex(&mac.finalize().into_bytes()))
    }

    /// Whether a digest was made with this key. One of another key (of a store that is lost) can be compared with
    /// nothing: it says neither that the content changed nor that it did not.
    pub fn made(&self, digest: &str) -> bool {
        digest.split_once(':').is_some_and(|(mark, _)| mark == self.mark())
    }

    /// Tells keys apart without telling the key.
    fn mark(&self) -> String {
        hex(&Sha256::digest(self.0)[..4])
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContentKey(…)")
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::ContentKey;
    use crate::engine::labels::sofa;
    use crate::plan::observed::{Observed, Volume};

    fn observed(key: &str) -> Observed {
        let labels = [(sofa::KEY.to_owned(), key.to_owned())].into();
        let store = Volume {
            name: "sofa.state.p".into(),
            driver: "local".into(),
            options: Default::default(),
            labels,
        };
        Observed { store: Some(store), ..Observed::default() }
    }

    #[test]
    fn a_key_is_read_back_from_its_label() {
        let key = ContentKey::generate().unwrap();
        assert_eq!(ContentKey::of(&observed(&key.label())), Some(key));
        assert_eq!(ContentKey::of(&observed("beef")), None, "too short");
        assert_eq!(ContentKey::of(&observed(&"zz".repeat(32))), None, "no digits");
        assert_eq!(ContentKey::of(&Observed::default()), None);
    }

    #[test]
    fn digests_of_another_key_are_told_apart_and_never_show_the_key() {
        let (one, two) = (ContentKey([1; 32]), ContentKey([2; 32]));
        assert_eq!(one.digest(b"a"), one.digest(b"a"));
        assert_ne!(one.digest(b"a"), one.digest(b"b"));
        assert_ne!(one.digest(b"a"), two.digest(b"a"));
        assert!(one.made(&one.digest(b"a")) && !one.made(&two.digest(b"a")) && !one.made(""));
        assert!(!one.digest(b"a").contains(&one.label()) && !format!("{one:?}").contains("01"));
        // RFC 4231 gives no key of 32 bytes; this digest is openssl's: printf a | openssl mac -digest sha256 HMAC.
        assert!(
            one.digest(b"a").ends_with("8fed454e4af2e38d7a0c4f0345a12d8ca418554236df19d57b6a239c212bd8ea"),
            "{}",
            one.digest(b"a")
        );
    }
}

//! The order in which docker compose prints the keys of a mapping as YAML: numbers by value, other signs before letters.

use std::cmp::Ordering;

/// Compares two keys.
pub fn compare(a: &str, b: &str) -> Ordering {
    let parted = a.char_indices().zip(b.chars()).find(|((_, a), b)| a != b);
    let Some(((at, in_a), in_b)) = parted else {
        // One begins with the other.
        return a.len().cmp(&b.len());
    };
    let (shared, a, b) = (&a[..at], &a[at..], &b[at..]);
    let after_digit = shared.ends_with(|c: char| c.is_ascii_digit());
    match (in_a.is_alphabetic(), in_b.is_alphabetic()) {
        (true, true) => in_a.cmp(&in_b),
        // Behind a digit the number goes on in the other key, so it is the larger one.
        (true, false) if after_digit => Ordering::Less,
        (false, true) if after_digit => Ordering::Greater,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => numbers(shared, a, b).then(in_a.cmp(&in_b)),
    }
}

/// Compares the numbers that begin where two keys part; a number that both share the beginning of counts whole.
fn numbers(shared: &str, a: &str, b: &str) -> Ordering {
    let leading = shared.bytes().rev().take_while(u8::is_ascii_digit).any(|digit| digit != b'0');
    let begin = u64::from(leading && (a.starts_with('0') || b.starts_with('0')));
    let read = |key: &str| {
        let digits = key.bytes().take_while(u8::is_ascii_digit).map(|digit| u64::from(digit - b'0'));
        digits.fold((begin, 0), |(value, length): (u64, usize), digit| {
            (value.wrapping_mul(10).wrapping_add(digit), length + 1)
        })
    };
    read(a).cmp(&read(b))
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_go_by_value_and_signs_before_letters() {
        let mut keys = ["ab", "a_b", "a10", "a9", "a2b", "a2", "a", "B", "a-1", "10", "9", "aB"];
        keys.sort_by(|a, b| super::compare(a, b));
        let expected = ["9", "10", "B", "a", "a-1", "a_b", "a2", "a2b", "a9", "a10", "aB", "ab"];
        assert_eq!(keys, expected);
    }
}

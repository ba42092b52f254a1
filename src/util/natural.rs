//! The order in which docker compose prints the keys of a mapping as YAML: numbers by value, other signs before letters.

use std::cmp::Ordering;

/// Compares two keys.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let Some(at) = a.iter().zip(&b).position(|(a, b)| a != b) else {
        return a.len().cmp(&b.len());
    };
    let after_digit = at > 0 && a[at - 1].is_ascii_digit();
    match (a[at].is_alphabetic(), b[at].is_alphabetic()) {
        (true, true) => a[at].cmp(&b[at]),
        // Behind a digit the number goes on in the other key, so it is the larger one.
        (true, false) if after_digit => Ordering::Less,
        (false, true) if after_digit => Ordering::Greater,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => numbers(&a, &b, at).then(a[at].cmp(&b[at])),
    }
}

/// Compares the numbers that begin where two keys part; a number that both share the beginning of counts whole.
fn numbers(a: &[char], b: &[char], at: usize) -> Ordering {
    let leading = a[..at].iter().rev().take_while(|c| c.is_ascii_digit()).any(|c| *c != '0');
    let begin = u64::from(leading && (a[at] == '0' || b[at] == '0'));
    let read = |key: &[char]| {
        let digits = key[at..].iter().map_while(|c| c.to_digit(10));
        digits.fold((begin, 0), |(value, length): (u64, usize), digit| {
            (value.wrapping_mul(10).wrapping_add(digit.into()), length + 1)
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

//! The nearest right spelling of a word.

/// The candidate that is most like a word, if one is near enough to be what was meant.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let allowed = match word.chars().count() {
        0..=2 => 1,
        3..=5 => 2,
        _ => 3,
    };
    candidates
        .map(|candidate| (cost(&word, &candidate.to_lowercase()), candidate))
        .filter(|(cost, candidate)| *cost <= allowed && *cost < candidate.chars().count())
        .min_by_key(|(cost, _)| *cost)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn one word into the other; `-` and `_` are alike, and
/// so is a word that the other begins with (`prod`, `production`).
fn cost(from: &str, to: &str) -> usize {
    let clean = |text: &str| text.chars().filter(|c| !matches!(c, '-' | '_' | '.')).collect::<Vec<char>>();
    let (from, to) = (clean(from), clean(to));
    if from.len() >= 3 && to.starts_with(&from) {
        return usize::from(from.len() != to.len());
    }
    let mut rows = vec![vec![0; to.len() + 1]; from.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=from.len() {
        for j in 1..=to.len() {
            let differs = usize::from(from[i - 1] != to[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + differs);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn typing_mistakes_find_their_word() {
        let words = ["image", "restart", "environment", "env_file", "ports", "production", "volumes", "tty"];
        let nearest = |word| nearest(word, words.into_iter());
        assert_eq!(nearest("imag"), Some("image"));
        assert_eq!(nearest("restrat"), Some("restart"));
        assert_eq!(nearest("enviroment"), Some("environment"));
        assert_eq!(nearest("envfile"), Some("env_file"));
        assert_eq!(nearest("prod"), Some("production"));
        assert_eq!(nearest("Volumes"), Some("volumes"));
        assert_eq!(nearest("frobnicate"), None);
        assert_eq!(nearest("x"), None);
    }
}

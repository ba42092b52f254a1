//! The report: one row for each comparison, medians and their ratio.

use std::time::Duration;

pub fn heading() {
    line("median", "sofa", "docker compose", "ratio", "engine alone");
    println!("|{:-<40}|{:->12}|{:->16}|{:->8}|{:->14}|", "", ":", ":", ":", ":");
}

/// A row of times; without a third list the engine alone has nothing to compare.
pub fn row(what: &str, ours: &[Duration], theirs: &[Duration], engine: &[Duration]) {
    let (ours, theirs) = (median(ours), median(theirs));
    let alone = if engine.is_empty() { "–".to_owned() } else { milliseconds(median(engine)) };
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    line(what, &milliseconds(ours), &milliseconds(theirs), &format!("{ratio:.2}"), &alone);
}

/// A row of memory, in bytes.
pub fn memory_row(what: &str, ours: u64, theirs: u64) {
    let ratio = ours as f64 / theirs as f64;
    line(what, &mebibytes(ours), &mebibytes(theirs), &format!("{ratio:.2}"), "–");
}

fn line(what: &str, ours: &str, theirs: &str, ratio: &str, alone: &str) {
    println!("| {what:<38} | {ours:>10} | {theirs:>14} | {ratio:>6} | {alone:>12} |");
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted[sorted.len() / 2]
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

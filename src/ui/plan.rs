//! A plan on the terminal: the summary, a line for each change, and on request every operation.

use owo_colors::Style;

use super::style::paint;
use crate::plan::explain::{Change, Explanation, Line, explain};
use crate::plan::operation::Plan;

/// The plan as text. `operations` adds every operation with the operations that it needs.
pub fn render(plan: &Plan, operations: bool) -> String {
    let explanation = explain(plan);
    let mut text = format!("{}\n", paint(&explanation.summary(), Style::new().bold()));
    text.push_str(&lines(&explanation));
    for note in &plan.notes {
        text.push_str(&format!("  note: {note}\n"));
    }
    if operations && !plan.operations.is_empty() {
        text.push_str("\noperations, each after those in its brackets:\n");
        for line in plan.to_string().lines() {
            text.push_str(&format!("  {line}\n"));
        }
    }
    text
}

fn lines(explanation: &Explanation) -> String {
    let width = explanation.lines.iter().map(|line| line.subject.chars().count()).max().unwrap_or(0);
    explanation.lines.iter().map(|line| line_text(line, width)).collect()
}

/// A line for a resource, and one for each field that changed.
fn line_text(line: &Line, width: usize) -> String {
    let head = format!("{} {:<width$}  {:<9}", line.change.sign(), line.subject, line.change);
    // A stop or removal always interrupts the service; a replacement may not.
    let interrupts = line.disruptive && line.change == Change::Replace;
    let disruptive = if interrupts { " [disruptive]" } else { "" };
    let one_way = if line.one_way { " [cannot be undone]" } else { "" };
    let text = format!("  {}  {}{disruptive}{one_way}", paint(&head, look(line.change)), line.cause);
    let fields = line.fields.iter().map(|change| format!("      {change}\n"));
    format!("{}\n{}", text.trim_end(), fields.collect::<String>())
}

fn look(change: Change) -> Style {
    match change {
        Change::Unchanged | Change::Await => Style::new().dimmed(),
        Change::Create => Style::new().green(),
        Change::Remove => Style::new().red(),
        _ => Style::new().yellow(),
    }
}

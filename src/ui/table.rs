//! Tables on stdout: columns without borders, as in `docker ps`.

use comfy_table::{ContentArrangement, Table};

/// Rows below their headers. Cells are never wrapped or cut, so that scripts can read them.
pub fn render(headers: &[&str], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headers.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 3));
    }
    table.lines().map(|line| line.trim_end().to_string() + "\n").collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_line_up_and_no_line_ends_in_blanks() {
        let text = super::render(&["SERVICE", "STATE"], &[vec!["web".into(), "running".into()]]);
        assert_eq!(text, "SERVICE   STATE\nweb       running\n");
    }
}

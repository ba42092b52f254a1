//! How a list is printed.

/// The output format of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Columns.
    Table,
    /// One JSON object a line.
    Json,
}

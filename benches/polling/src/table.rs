//! Tables as Markdown or aligned for a terminal.

use std::fmt::Write as _;

/// A table with a title and a note.
#[derive(Debug, Default)]
pub(crate) struct Table {
    title: String,
    note: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Creates a table. The first column is left-aligned; all others hold numbers.
    pub(crate) fn new(title: impl Into<String>, note: impl Into<String>, columns: &[&str]) -> Self {
        let heads = columns.iter().map(|&column| column.to_owned()).collect();
        Self { title: title.into(), note: note.into(), rows: vec![heads] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Returns the table as text.
    pub(crate) fn text(&self, markdown: bool) -> String {
        let columns = self.rows[0].len();
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = format!("{} {}\n\n", if markdown { "###" } else { "--" }, self.title);
        if !self.note.is_empty() {
            let _ = write!(text, "{}\n\n", self.note);
        }
        let (edge, gap) = if markdown { ("| ", " | ") } else { ("", "  ") };
        for (number, row) in self.rows.iter().enumerate() {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .enumerate()
                .map(
                    |(column, (cell, &width))| {
                        if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                    },
                )
                .collect();
            let _ = writeln!(text, "{edge}{}{}", cells.join(gap), if markdown { " |" } else { "" });
            if markdown && number == 0 {
                let rules: Vec<_> =
                    (0..columns).map(|column| if column == 0 { "---" } else { "---:" }).collect();
                let _ = writeln!(text, "| {} |", rules.join(" | "));
            }
        }
        text
    }
}

//! A page of parts, rows and lines.

use crate::plain::on_one_line;

/// Titles and rows of a name and a value, aligned within each part.
#[derive(Default)]
pub(super) struct Page {
    text: String,
    rows: Vec<(String, String)>,
}

impl Page {
    pub(super) fn row(&mut self, name: &str, value: &str) {
        self.rows.push((on_one_line(name), on_one_line(value)));
    }

    pub(super) fn optional(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.row(name, value);
        }
    }

    pub(super) fn title(&mut self, title: &str) {
        self.flush();
        self.text += &format!("\n{title}\n");
    }

    fn flush(&mut self) {
        let width = self.rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in self.rows.drain(..) {
            self.text += &format!("  {name:width$}  {value}\n");
        }
    }

    pub(super) fn finish(mut self) -> String {
        self.flush();
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_aligns_each_part_by_itself() {
        let mut page = Page::default();
        page.row("a", "1");
        page.row("long", "2");
        page.title("part");
        page.row("b", "3");
        assert_eq!(page.finish(), "  a     1\n  long  2\n\npart\n  b  3\n");
    }
}

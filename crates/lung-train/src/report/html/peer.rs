//! Another classifier beside ours, on the page of a test.

use std::fmt::Write as _;

use super::escape::escape;
use super::parts::write_table;
use crate::evaluate::peer::PeerTests;

/// A table for each folder and origin.
pub(super) fn write_peer(out: &mut String, tests: &PeerTests) -> std::fmt::Result {
    writeln!(
        out,
        "<section>\n<h2>Beside another network: {}</h2>\n<p>An image that ours refuses counts as wrong.</p>",
        escape(&tests.theirs)
    )?;
    for row in &tests.rows {
        let caption = format!("{}, {} images", row.images_of, row.images);
        let figures = row.figures().map(Vec::from);
        write_table(out, &caption, &["", &tests.ours, &tests.theirs], &figures)?;
        for difference in row.differences() {
            writeln!(out, "<p>{}</p>", escape(&difference))?;
        }
    }
    writeln!(out, "</section>")
}

//! What every page has.

use std::fmt::Write as _;

use super::escape::escape;

/// The beginning of a page, up to its heading.
pub(super) fn write_head(out: &mut String, title: &str) -> std::fmt::Result {
    let title = escape(title);
    // The policy forbids what the page does without, should a name ever find a way past `escape`.
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{title}</title>\n<style>\n{}</style>\n</head>\n<body>\n<h1>{title}</h1>\n",
        include_str!("page.css")
    )
}

/// The end of a page, which the command `command` made.
pub(super) fn write_foot(out: &mut String, command: &str) -> std::fmt::Result {
    write!(
        out,
        "<footer>\n<p>MobileNet-Lung is research software, not a medical device.</p>\n\
         <p>Made by <code>{}</code></p>\n</footer>\n</body>\n</html>\n",
        escape(command)
    )
}

/// A table with a caption; the first cell of a row is its head.
pub(super) fn write_table(
    out: &mut String,
    caption: &str,
    heads: &[&str],
    rows: &[Vec<String>],
) -> std::fmt::Result {
    writeln!(
        out,
        "<div class=\"table\">\n<table>\n<caption>{}</caption>\n<tr>",
        escape(caption)
    )?;
    for head in heads {
        match head.is_empty() {
            true => write!(out, "<td></td>")?,
            false => write!(out, "<th scope=\"col\">{}</th>", escape(head))?,
        }
    }
    writeln!(out, "</tr>")?;
    for row in rows {
        write!(out, "<tr>")?;
        for (place, cell) in row.iter().enumerate() {
            let cell = escape(cell);
            match place {
                0 => write!(out, "<th scope=\"row\">{cell}</th>")?,
                _ => write!(out, "<td>{cell}</td>")?,
            }
        }
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</table>\n</div>")
}

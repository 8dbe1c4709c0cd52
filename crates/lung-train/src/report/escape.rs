//! Text that others gave, as it may stand in a page or in a card. Templates escape by these all that they show, but for what they
//! mark as safe.

use std::fmt::{self, Write};

use askama::filters::Escaper;

/// For an element or an attribute of HTML: what means something to HTML is written out, and what XML has no character for, or
/// turns the direction of the text around, is shown as such.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Html;

impl Escaper for Html {
    fn write_escaped_str<W: Write>(&self, mut out: W, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&quot;")?,
                '\'' => out.write_str("&#39;")?,
                '\u{fffe}' | '\u{ffff}' => out.write_char('\u{fffd}')?,
                c if c.is_control() || turns_text_around(c) => out.write_char('\u{fffd}')?,
                c => out.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// For a sentence, a heading or a cell of a table in Markdown: it stays on one line, and nothing in it means anything to Markdown or
/// HTML.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Markdown;

impl Escaper for Markdown {
    fn write_escaped_str<W: Write>(&self, mut out: W, text: &str) -> fmt::Result {
        let mut before = None;
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            let after = rest.clone().next();
            match c {
                '&' => out.write_str("&amp;")?,
                // Before anything else, as in `<0.001`, no tag begins.
                '<' if after.is_some_and(|c| c.is_ascii_alphabetic() || "/!?".contains(c)) => {
                    out.write_str("&lt;")?;
                }
                '>' => out.write_str("&gt;")?,
                '\\' | '|' | '`' | '*' | '[' | ']' | '~' => {
                    out.write_char('\\')?;
                    out.write_char(c)?;
                }
                // Within a word it is itself.
                '_' if is_letter(before) && is_letter(after) => out.write_char('_')?,
                '_' => out.write_str("\\_")?,
                // An address would become a link.
                ':' if rest.as_str().starts_with("//") => out.write_str("\\:")?,
                c if c.is_control() => out.write_char(' ')?,
                c if turns_text_around(c) => out.write_char('\u{fffd}')?,
                c => out.write_char(c)?,
            }
            before = Some(c);
        }
        Ok(())
    }
}

fn is_letter(c: Option<char>) -> bool {
    c.is_some_and(char::is_alphanumeric)
}

/// Whether a character makes what follows run from right to left, or ends that.
fn turns_text_around(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text as [`Html`] escapes it.
pub(crate) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Writing to a string cannot fail.
    Html.write_escaped_str(&mut out, text).ok();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn markdown(text: &str) -> String {
        let mut out = String::new();
        Markdown.write_escaped_str(&mut out, text).unwrap();
        out
    }

    #[test]
    fn nothing_in_markdown_means_anything() {
        for (text, expected) in [
            ("a|b\\", r"a\|b\\"),
            ("two\nlines\r\n", "two lines  "),
            (
                "<script>alert(1)</script>",
                "&lt;script&gt;alert(1)&lt;/script&gt;",
            ),
            ("&lt;", "&amp;lt;"),
            ("[link](https://host)", r"\[link\](https\://host)"),
            (
                "**bold** `code` ~~gone~~",
                r"\*\*bold\*\* \`code\` \~\~gone\~\~",
            ),
            ("_lean_ Lung_Opacity", r"\_lean\_ Lung_Opacity"),
            ("\u{202e}gnp.exe", "\u{fffd}gnp.exe"),
            ("p <0.001", "p <0.001"),
            ("split: fold 0", "split: fold 0"),
        ] {
            assert_eq!(markdown(text), expected);
        }
    }

    #[test]
    fn nothing_in_html_means_anything() {
        assert_eq!(
            html("<a href=\"x\" title='y'>&\n\u{7}\u{202e}\u{ffff}|"),
            "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;\u{fffd}\u{fffd}\u{fffd}\u{fffd}|"
        );
    }
}

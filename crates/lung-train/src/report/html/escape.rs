//! Text that may stand in a page.

use std::path::Path;

/// Text for an element or an attribute: what means something to HTML is written out, and what XML has no character for, or
/// turns the direction of the text around, is shown as such.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => {
                out.push('\u{fffd}');
            }
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The address of a local file (RFC 8089), every byte written out that is not plainly a letter, digit, mark or separator.
pub(super) fn file_url(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut url = "file://".to_owned();
    let bytes = path.as_os_str().as_encoded_bytes();
    // Where folders are divided otherwise, as in C:\data.
    let foreign = std::path::MAIN_SEPARATOR == '\\';
    if foreign {
        url.push('/');
    }
    for byte in bytes {
        match *byte {
            b'\\' if foreign => url.push('/'),
            b':' if foreign => url.push(':'),
            byte if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) => {
                url.push(char::from(byte));
            }
            byte => url += &format!("%{byte:02X}"),
        }
    }
    url
}

/// A command line as a shell takes it.
pub fn command_in_words(arguments: impl Iterator<Item = String>) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
    let words: Vec<String> = arguments
        .map(|word| match !word.is_empty() && word.chars().all(plain) {
            true => word,
            false => format!("'{}'", word.replace('\'', r"'\''")),
        })
        .collect();
    words.join(" ")
}

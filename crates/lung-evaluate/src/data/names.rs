//! Names of files as they are compared, and as they are shown.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use unicode_normalization::UnicodeNormalization as _;

/// Where the private characters begin that stand for bytes which are not UTF-8: byte `b` is the character `RAW + b`.
const RAW: u32 = 0xF700;

/// `bytes` as text without loss: a byte that is not UTF-8 becomes a private character, which [`escape`] shows as `\xE9`.
pub(crate) fn lossless(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(
            (chunk.invalid().iter()).filter_map(|byte| char::from_u32(RAW + u32::from(*byte))),
        );
    }
    text
}

/// The name of a file or folder as text without loss.
pub(crate) fn name(name: &OsStr) -> String {
    lossless(name.as_encoded_bytes())
}

/// `text` in Unicode's form NFC: a Mac writes an accent apart from its letter, others write both as one.
pub(crate) fn composed(text: &str) -> String {
    text.nfc().collect()
}

/// `text` in Unicode's form NFD, as a Mac writes it.
pub(crate) fn decomposed(text: &str) -> String {
    text.nfd().collect()
}

/// The path that [`lossless`] made a text of.
pub(crate) fn path_of(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match u8::try_from(u32::from(c).wrapping_sub(RAW)) {
            Ok(byte @ 0x80..) => bytes.push(byte),
            _ => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    #[cfg(unix)]
    let path: std::ffi::OsString = std::os::unix::ffi::OsStringExt::from_vec(bytes);
    #[cfg(not(unix))]
    let path = std::ffi::OsString::from(String::from_utf8_lossy(&bytes).into_owned());
    PathBuf::from(path)
}

/// A path as programs are told it: exactly, but for bytes that are not UTF-8, which become `\xE9`.
pub(crate) fn exact(path: &Path) -> String {
    let mut text = String::new();
    for c in name(path.as_os_str()).chars() {
        match c {
            '\u{f780}'..='\u{f7ff}' => text.push_str(&format!("\\x{:02X}", u32::from(c) - RAW)),
            c => text.push(c),
        }
    }
    text
}

/// `text` on one line, and without anything that a terminal obeys: control characters and marks of direction become escapes
/// such as `\n`, `\x1b` and `\u{202e}`.
pub fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            '\0'..='\x1f' | '\x7f' => shown.push_str(&format!("\\x{:02x}", u32::from(c))),
            '\u{80}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' => shown.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            '\u{f780}'..='\u{f7ff}' => shown.push_str(&format!("\\x{:02X}", u32::from(c) - RAW)),
            c => shown.push(c),
        }
    }
    shown
}

/// Paths as they may be printed.
pub trait Shown {
    /// The path on one line: bytes that are not UTF-8, control characters and marks of direction are escaped.
    fn shown(&self) -> String;
}

impl Shown for Path {
    fn shown(&self) -> String {
        escape(&name(self.as_os_str()))
    }
}

/// The name of a data folder: the last part of its path.
pub fn folder_name(folder: &Path) -> String {
    folder
        .canonicalize()
        .unwrap_or_else(|_| folder.to_owned())
        .file_name()
        .map_or_else(|| "data".to_owned(), |last| escape(&name(last)))
}

/// A number of images in words.
pub(crate) fn images_in_words(count: usize) -> String {
    match count {
        1 => "1 image".to_owned(),
        _ => format!("{count} images"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let text = escape("a\nb\x1b[31m\u{202e}gnp.\u{9b}\u{7f}é 肺\u{2028}");
        assert_eq!(text, "a\\nb\\x1b[31m\\u{202e}gnp.\\u{9b}\\x7fé 肺\\u{2028}");
        assert_eq!(escape(&lossless(b"caf\xe9.png")), "caf\\xE9.png");
        assert_ne!(lossless(b"\xe9"), lossless(b"\xe8"));
        assert_eq!(
            name(path_of(&lossless(b"a/caf\xe9.png")).as_os_str()),
            lossless(b"a/caf\xe9.png")
        );
        assert_eq!(
            exact(&path_of(&lossless(b"caf\xe9\n.png"))),
            "caf\\xE9\n.png"
        );
        assert_eq!(composed(&decomposed("\u{e9}")), "\u{e9}");
        assert_eq!(composed("e\u{301}"), "\u{e9}");
    }
}

//! Text files as people's programs save them: UTF-8 with or without a mark, UTF-16, or bytes of an older encoding.

use std::path::Path;

use super::names::lossless;

/// The text of a file in UTF-8 or UTF-16, without its byte order mark. Bytes that are neither are kept as
/// [`lossless`](super::names::lossless) has them, so that names in them still match names of files.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn read(path: &Path) -> std::io::Result<String> {
    Ok(decode(&std::fs::read(path)?))
}

/// What [`read`] makes of the bytes of a file.
pub(crate) fn decode(bytes: &[u8]) -> String {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => lossless(rest),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        // A path or a table has no NUL; of UTF-16 without a mark, half the bytes of plain letters are.
        _ if zeros(bytes, 1) * 3 > bytes.len() => utf16(bytes, u16::from_le_bytes),
        _ if zeros(bytes, 0) * 3 > bytes.len() => utf16(bytes, u16::from_be_bytes),
        _ => lossless(bytes),
    }
}

/// How many of every second byte, from `first` on, are 0.
fn zeros(bytes: &[u8], first: usize) -> usize {
    let bytes = bytes.iter().skip(first).step_by(2);
    bytes.filter(|byte| **byte == 0).count()
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units: Vec<u16> = bytes.as_chunks().0.iter().map(|pair| unit(*pair)).collect();
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_the_same_in_every_encoding_that_an_editor_saves() {
        let text = "file;größe\r\nNormal/肺.png;1\r\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            [b"\xff\xfe", &little[..]].concat(),
            [b"\xfe\xff", &big[..]].concat(),
            little,
            big,
        ] {
            assert_eq!(decode(&bytes), text);
        }
        assert_eq!(decode(b""), "");
    }
}

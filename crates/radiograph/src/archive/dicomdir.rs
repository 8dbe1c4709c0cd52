//! The directory of a DICOM CD.

use crate::bytes::u16_le;

/// The paths of the images that a DICOMDIR file names, relative to its folder, with `/` between folders (DICOM PS3.3, F.3).
///
/// Other files on a CD are often the viewer's own pictures. Empty where the bytes name none.
#[must_use]
pub fn images_of_dicomdir(bytes: &[u8]) -> Vec<String> {
    /// Where a record begins with its type, and where it names its file: as every DICOMDIR is written, with VR, little-endian.
    const RECORD_TYPE: &[u8] = b"\x04\0\x30\x14CS";
    const FILE_ID: &[u8] = b"\x04\0\0\x15CS";
    let mut images = Vec::new();
    if bytes.get(128..132) != Some(b"DICM".as_slice()) {
        return images;
    }
    let mut is_image = false;
    let mut at = 132;
    while let Some(rest) = bytes.get(at..) {
        let Some(found) = rest
            .windows(6)
            .position(|part| part == RECORD_TYPE || part == FILE_ID)
        else {
            break;
        };
        let is_type = rest[found..].starts_with(RECORD_TYPE);
        let length = u16_le(rest, found + 6).map_or(0, usize::from);
        let value = rest.get(found + 8..found + 8 + length).unwrap_or_default();
        let value = String::from_utf8_lossy(value);
        let value = value.trim_end_matches(['\0', ' ']);
        if is_type {
            is_image = value == "IMAGE";
        } else if is_image {
            let parts: Vec<_> = value.split('\\').map(str::trim).collect();
            // Nothing outside the folder.
            if !parts
                .iter()
                .any(|part| matches!(*part, "" | "." | "..") || part.contains(['/', ':']))
            {
                images.push(parts.join("/"));
            }
        }
        at += found + 8 + length;
    }
    images
}

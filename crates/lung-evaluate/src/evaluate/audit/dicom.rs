//! A radiograph as the smallest DICOM file whose values are inverted and declared so.

use radiograph::Radiograph;

/// Values of 12 bits, as detectors have.
const HIGHEST: f32 = 4095.0;

/// The radiograph as a MONOCHROME1 file: explicit little endian, 12 of 16 bits, the brightest pixel stored as 0.
///
/// # Errors
/// More pixels than a DICOM file counts.
pub(super) fn monochrome1(radiograph: &Radiograph) -> Result<Vec<u8>, String> {
    let size = |side: u32| {
        u16::try_from(side).map_err(|_| format!("{side} pixels are too many for a DICOM file"))
    };
    let (rows, columns) = (size(radiograph.height())?, size(radiograph.width())?);
    let pixels: Vec<u8> = (radiograph.luma().iter())
        .flat_map(|value| (((1.0 - value) * HIGHEST).round() as u16).to_le_bytes())
        .collect();
    let meta = [
        short(
            0x0002,
            0x0002,
            *b"UI",
            &padded("1.2.840.10008.5.1.4.1.1.1", 0),
        ),
        short(0x0002, 0x0010, *b"UI", &padded("1.2.840.10008.1.2.1", 0)),
    ]
    .concat();
    let number = |element: u16, value: u16| short(0x0028, element, *b"US", &value.to_le_bytes());
    let mut file = vec![0; 128];
    file.extend(b"DICM");
    file.extend(short(
        0x0002,
        0x0000,
        *b"UL",
        &(meta.len() as u32).to_le_bytes(),
    ));
    file.extend(meta);
    file.extend(short(0x0008, 0x0060, *b"CS", &padded("DX", b' ')));
    file.extend(number(0x0002, 1));
    file.extend(short(0x0028, 0x0004, *b"CS", &padded("MONOCHROME1", b' ')));
    file.extend(number(0x0010, rows));
    file.extend(number(0x0011, columns));
    file.extend(number(0x0100, 16));
    file.extend(number(0x0101, 12));
    file.extend(number(0x0102, 11));
    file.extend(number(0x0103, 0));
    // All values are shown: a reader without a window would choose one.
    file.extend(short(0x0028, 0x1050, *b"DS", &padded("2048", b' ')));
    file.extend(short(0x0028, 0x1051, *b"DS", &padded("4096", b' ')));
    file.extend(tag(0x7fe0, 0x0010));
    file.extend(b"OW\0\0");
    file.extend((pixels.len() as u32).to_le_bytes());
    file.extend(pixels);
    Ok(file)
}

fn tag(group: u16, element: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (group.to_le_bytes(), element.to_le_bytes());
    [a, b, c, d]
}

/// An element whose length has two bytes (PS3.5, 7.1.2).
fn short(group: u16, element: u16, representation: [u8; 2], value: &[u8]) -> Vec<u8> {
    let mut out = tag(group, element).to_vec();
    out.extend(representation);
    out.extend((value.len() as u16).to_le_bytes());
    out.extend(value);
    out
}

/// Text of an even number of bytes.
fn padded(text: &str, with: u8) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    if bytes.len() % 2 == 1 {
        bytes.push(with);
    }
    bytes
}

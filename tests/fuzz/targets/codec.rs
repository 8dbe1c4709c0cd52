//! Any bytes as the compressed image of a DICOM file: run lengths, JPEG in every form, JPEG-LS, JPEG 2000.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&[width, height, kind], stream)) = bytes.split_first_chunk() else {
        return;
    };
    let side = |byte: u8| 32 + u16::from(byte % 64);
    let (samples, photometric) = match kind & 1 {
        0 => (1, &b"MONOCHROME2 "[..]),
        _ => (3, &b"RGB "[..]),
    };
    let stored = if kind & 2 == 0 { 8 } else { 12 };
    let syntax = match kind >> 2 {
        0 => &b"1.2.840.10008.1.2.5\0"[..],
        _ => &b"1.2.840.10008.1.2.4.90"[..],
    };
    let mut file = vec![0; 128];
    file.extend_from_slice(b"DICM");
    element(&mut file, 2, 0x10, b"UI", syntax);
    element(&mut file, 0x28, 4, b"CS", photometric);
    for (number, value) in [
        (2, samples),
        (0x10, side(height)),
        (0x11, side(width)),
        (0x100, if stored > 8 { 16 } else { 8 }),
        (0x101, stored),
        (0x102, stored - 1),
    ] {
        element(&mut file, 0x28, number, b"US", &value.to_le_bytes());
    }
    file.extend_from_slice(b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\0\0\0\0\xfe\xff\0\xe0");
    file.extend_from_slice(&(stream.len() as u32).to_le_bytes());
    file.extend_from_slice(stream);
    file.extend_from_slice(b"\xfe\xff\xdd\xe0\0\0\0\0");
    lung_fuzz::decode(&file);
});

fn element(file: &mut Vec<u8>, group: u16, number: u16, kind: &[u8; 2], value: &[u8]) {
    file.extend_from_slice(&group.to_le_bytes());
    file.extend_from_slice(&number.to_le_bytes());
    file.extend_from_slice(kind);
    file.extend_from_slice(&(value.len() as u16).to_le_bytes());
    file.extend_from_slice(value);
}

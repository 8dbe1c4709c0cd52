//! JPEG files that no encoder at hand writes, joined from files of one channel each: a scan of its own is coded alike.

/// A segment: its marker, and what follows its length.
type Segment = (u8, Vec<u8>);

/// One channel: a grey JPEG file, and how often it is sampled, across and down.
pub struct Channel {
    pub file: Vec<u8>,
    pub sampling: (u8, u8),
}

/// A grey file of `width` x `height` levels.
pub fn grey(levels: &[u8], width: u32, height: u32, progressive: bool, restart: u16) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 95);
    encoder.set_progressive(progressive);
    if restart > 0 {
        encoder.set_restart_interval(restart);
    }
    encoder
        .encode(
            levels,
            width as u16,
            height as u16,
            jpeg_encoder::ColorType::Luma,
        )
        .unwrap();
    file
}

/// The segments of a file, the data of a scan behind its header.
pub fn segments(file: &[u8]) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut at = 2;
    while file[at + 1] != 0xd9 {
        let marker = file[at + 1];
        let length = usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
        let mut end = at + 2 + length;
        if marker == 0xda {
            let more = file[end..]
                .windows(2)
                .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7));
            end += more.unwrap();
        }
        segments.push((marker, file[at + 4..end].to_vec()));
        at = end;
    }
    segments
}

/// How files are joined.
pub struct Join {
    pub width: u32,
    pub height: u32,
    /// In which order the channels have their scans.
    pub order: Vec<usize>,
    /// Whether the height is only said behind the first scan.
    pub late_height: bool,
    /// Whether there is a marker of the end.
    pub end: bool,
}

/// Joins files of one channel each.
pub fn join(channels: &[Channel], join: &Join) -> Vec<u8> {
    let mut file = b"\xff\xd8".to_vec();
    let mut put = |marker: u8, body: &[u8], data: &[u8]| {
        file.extend_from_slice(&[0xff, marker]);
        file.extend_from_slice(&(body.len() as u16 + 2).to_be_bytes());
        file.extend_from_slice(body);
        file.extend_from_slice(data);
    };
    let parts: Vec<_> = channels
        .iter()
        .map(|channel| segments(&channel.file))
        .collect();
    for (marker, body) in &parts[0] {
        if matches!(marker, 0xdb | 0xdd) {
            put(*marker, body, &[]);
        }
    }
    let frame = parts[0]
        .iter()
        .find(|part| matches!(part.0, 0xc0..=0xc2))
        .unwrap();
    let height = if join.late_height {
        0
    } else {
        join.height as u16
    };
    let mut body = vec![8];
    body.extend_from_slice(&height.to_be_bytes());
    body.extend_from_slice(&(join.width as u16).to_be_bytes());
    body.push(channels.len() as u8);
    for (index, channel) in channels.iter().enumerate() {
        body.extend_from_slice(&[
            index as u8 + 1,
            channel.sampling.0 << 4 | channel.sampling.1,
            0,
        ]);
    }
    put(frame.0, &body, &[]);
    let mut first = true;
    for &channel in &join.order {
        for (marker, body) in &parts[channel] {
            match marker {
                0xc4 => put(0xc4, body, &[]),
                0xda => {
                    let mut scan = body[..6].to_vec();
                    scan[1] = channel as u8 + 1;
                    put(0xda, &scan, &body[6..]);
                    if first && join.late_height {
                        put(0xdc, &(join.height as u16).to_be_bytes(), &[]);
                    }
                    first = false;
                }
                _ => {}
            }
        }
    }
    if join.end {
        file.extend_from_slice(b"\xff\xd9");
    }
    file
}

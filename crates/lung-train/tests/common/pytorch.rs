//! Weights files as PyTorch before 1.6 wrote them, with whatever a test claims in them.

/// A tensor, and the storage that it lies in.
#[derive(Clone)]
pub struct Stored<'a> {
    pub name: &'a str,
    /// Its storage; several tensors may lie in one.
    pub key: &'a str,
    /// `Float` of `torch.FloatStorage`.
    pub class: &'a str,
    pub shape: Vec<i64>,
    pub stride: Vec<i64>,
    /// How many numbers the storage is said to have.
    pub count: i64,
    /// The numbers that it has.
    pub bytes: &'a [u8],
}

impl<'a> Stored<'a> {
    /// A tensor that is as it should be, row by row.
    pub fn new(name: &'a str, class: &'a str, shape: &[i64], bytes: &'a [u8]) -> Self {
        let mut stride = vec![1; shape.len()];
        for place in (1..shape.len()).rev() {
            stride[place - 1] = stride[place] * shape[place];
        }
        Self {
            name,
            key: name,
            class,
            shape: shape.to_vec(),
            stride,
            count: shape.iter().product(),
            bytes,
        }
    }

    /// Name and tensor as they follow each other in a dict.
    pub fn pickle(&self) -> Vec<u8> {
        [
            text(self.name),
            b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
            text("storage"),
            format!("ctorch\n{}Storage\n", self.class).into_bytes(),
            text(self.key),
            text("cpu"),
            integer(self.count),
            b"tQK\0".to_vec(),
            tuple(&self.shape),
            tuple(&self.stride),
            b"\x89}tR".to_vec(),
        ]
        .concat()
    }
}

/// A file with a dict of these tensors, each in a storage of its own.
pub fn stream(tensors: &[Stored<'_>]) -> Vec<u8> {
    stream_of(&dict(tensors), tensors)
}

/// The pickle of a dict of these tensors, without a stop.
pub fn dict(tensors: &[Stored<'_>]) -> Vec<u8> {
    let pairs: Vec<u8> = tensors.iter().flat_map(Stored::pickle).collect();
    [b"}(", pairs.as_slice(), b"u"].concat()
}

/// A file with any object, given by its pickle without a stop, and the storages of these tensors.
pub fn stream_of(object: &[u8], tensors: &[Stored<'_>]) -> Vec<u8> {
    // A magic number, a version, the system.
    let mut file =
        b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}"
            .to_vec();
    file.extend(text("little_endian"));
    file.extend(b"\x88s.\x80\x02");
    file.extend(object);
    file.extend(b".\x80\x02](");
    file.extend(tensors.iter().flat_map(|tensor| text(tensor.key)));
    file.extend(b"e.");
    for tensor in tensors {
        file.extend(tensor.count.to_le_bytes());
        file.extend(tensor.bytes);
    }
    file
}

fn text(text: &str) -> Vec<u8> {
    let length = (text.len() as u32).to_le_bytes();
    [b"X", length.as_slice(), text.as_bytes()].concat()
}

fn integer(number: i64) -> Vec<u8> {
    [b"\x8a\x08", number.to_le_bytes().as_slice()].concat()
}

fn tuple(numbers: &[i64]) -> Vec<u8> {
    let numbers: Vec<u8> = numbers.iter().copied().flat_map(integer).collect();
    [b"(", numbers.as_slice(), b"t"].concat()
}

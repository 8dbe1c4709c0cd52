//! Weights files of PyTorch (`torch.save` of a state dict), read as data.
//!
//! Such a file is a pickle, which in Python is a program: it may call anything. Here it is a list of instructions of which the
//! few are understood that a state dict is made of. What they call is looked at by name: tensors and dicts are put together,
//! and everything else is kept as something unknown and never run.
//!
//! Two containers are read: the zip archive of PyTorch 1.6 and later, whose entries are stored as they are, and the stream of
//! pickles before it, which torchvision still serves (DenseNet121). A reader that is more complete, pytorch-reader, comes with
//! ten crates and another inflate for the whole program.

use std::collections::{BTreeMap, HashMap};

use half::{bf16, f16};
use mobilenet_lung::{Array, StateDict};

/// Why a file is no weights file of PyTorch that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PytorchError {
    /// Neither container.
    #[error("it is neither a zip archive nor a stream of pickles")]
    Container,
    /// It ends, or points, where there is nothing.
    #[error("it is cut off or damaged at {0}")]
    Cut(&'static str),
    /// An entry of the archive is compressed.
    #[error("its entry `{0}` is compressed, as torch.save does not write it")]
    Compressed(String),
    /// The pickle has an instruction that no state dict has.
    #[error("its pickle has the instruction {0:#04x}, which no state dict of weights has")]
    Instruction(u8),
    /// The pickle does not make a dict of tensors.
    #[error("it holds no dict of tensors; save the model's state_dict()")]
    NoDict,
    /// A tensor reaches beyond its numbers, or is a view of them that is not row by row.
    #[error("the tensor `{0}` does not lie row by row within the numbers that the file has")]
    Tensor(String),
    /// A tensor is not of floating-point numbers.
    #[error("the tensor `{name}` is of {dtype}; f16, bf16, f32 and f64 are read")]
    Dtype {
        /// Which tensor.
        name: String,
        /// The name of PyTorch's storage.
        dtype: String,
    },
}

/// The tensors of a state dict, but those whose name `skip` says.
///
/// # Errors
/// Every way in which the file is not what it should be: see [`PytorchError`].
pub(super) fn read(bytes: &[u8], skip: impl Fn(&str) -> bool) -> Result<StateDict, PytorchError> {
    let (root, storages) = if bytes.starts_with(b"PK\x03\x04") {
        let archive = Archive::open(bytes)?;
        let root = Machine::new(archive.entry("data.pkl")?).run()?;
        (root, Storages::Zip(archive))
    } else {
        stream(bytes)?
    };
    let Value::Dict(entries) = root else {
        return Err(PytorchError::NoDict);
    };
    let mut state = StateDict::new();
    for (name, value) in entries {
        match (name, value) {
            (Value::Text(name), Value::Tensor(tensor)) if !skip(&name) => {
                let array = tensor.array(&name, &storages)?;
                state.insert(name, array);
            }
            _ => {}
        }
    }
    if state.is_empty() {
        return Err(PytorchError::NoDict);
    }
    Ok(state)
}

/// Where the numbers are.
enum Storages<'a> {
    Zip(Archive<'a>),
    Stream(HashMap<String, &'a [u8]>),
}

impl<'a> Storages<'a> {
    fn get(&self, key: &str) -> Result<&'a [u8], PytorchError> {
        match self {
            Self::Zip(archive) => archive.entry(&format!("data/{key}")),
            Self::Stream(storages) => storages
                .get(key)
                .copied()
                .ok_or(PytorchError::Cut("the numbers of a tensor")),
        }
    }
}

// ---- the zip archive ----

/// The entries of a zip archive, without the folder that all of them are in.
struct Archive<'a> {
    entries: BTreeMap<String, &'a [u8]>,
}

impl<'a> Archive<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, PytorchError> {
        const END: &[u8] = b"PK\x05\x06";
        const END_SIZE: usize = 22;
        const DIRECTORY: &[u8] = b"PK\x01\x02";
        // The end record is followed by a comment of at most 65535 bytes.
        let cut = PytorchError::Cut("the directory of the archive");
        let from = bytes.len().saturating_sub(END_SIZE + usize::from(u16::MAX));
        let end = bytes[from..]
            .windows(END.len())
            .rposition(|window| window == END)
            .ok_or_else(|| cut.clone())?
            + from;
        let mut record = Bytes::at(bytes, end + 10, "the directory of the archive")?;
        let count = record.u16()?;
        record.u32()?;
        let mut place = record.u32()? as usize;
        let mut entries = BTreeMap::new();
        for _ in 0..count {
            let mut record = Bytes::at(bytes, place, "the directory of the archive")?;
            if record.take(4)? != DIRECTORY {
                return Err(cut);
            }
            record.take(6)?;
            let method = record.u16()?;
            record.take(8)?;
            let (stored, _) = (record.u32()? as usize, record.u32()?);
            let lengths = [record.u16()?, record.u16()?, record.u16()?].map(usize::from);
            record.take(8)?;
            let header = record.u32()? as usize;
            let name = String::from_utf8_lossy(record.take(lengths[0])?).into_owned();
            place += 46 + lengths.iter().sum::<usize>();
            if method != 0 {
                return Err(PytorchError::Compressed(name));
            }
            // The header before the content has a name and an extra field of its own lengths.
            let mut local = Bytes::at(bytes, header, "an entry of the archive")?;
            local.take(26)?;
            let (name_length, extra) = (local.u16()?, local.u16()?);
            local.take(usize::from(name_length) + usize::from(extra))?;
            let content = local.take(stored)?;
            let name = name.split_once('/').map_or(name.as_str(), |(_, rest)| rest);
            entries.insert(name.to_owned(), content);
        }
        Ok(Self { entries })
    }

    fn entry(&self, name: &str) -> Result<&'a [u8], PytorchError> {
        self.entries
            .get(name)
            .copied()
            .ok_or(PytorchError::Cut("an entry of the archive"))
    }
}

// ---- the stream ----

/// Five pickles (a magic number, a version, the system, the object, the keys of its storages), then the storages.
fn stream(bytes: &[u8]) -> Result<(Value, Storages<'_>), PytorchError> {
    // As the first pickle has it: version 2, LONG1 of ten bytes, stop.
    const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e";
    let mut rest = bytes.strip_prefix(MAGIC).ok_or(PytorchError::Container)?;
    let mut next = || {
        let mut machine = Machine::new(rest);
        let value = machine.run()?;
        rest = machine.code.rest();
        Ok::<_, PytorchError>(value)
    };
    next()?;
    next()?;
    let root = next()?;
    let Value::List(keys) = next()? else {
        return Err(PytorchError::Cut("the list of storages"));
    };
    // How many bytes a number has is only known from the tensors that lie in the storage.
    let mut sizes = HashMap::new();
    if let Value::Dict(entries) = &root {
        for (_, value) in entries {
            if let Value::Tensor(tensor) = value {
                sizes.insert(tensor.storage.key.clone(), tensor.storage.number_size());
            }
        }
    }
    let mut storages = HashMap::new();
    let mut numbers = Bytes::at(rest, 0, "the numbers of a tensor")?;
    for key in keys {
        let Value::Text(key) = key else {
            return Err(PytorchError::Cut("the list of storages"));
        };
        let count = numbers.u64()?;
        let size = sizes.get(&key).copied().unwrap_or(1) as u64;
        let length = count
            .checked_mul(size)
            .and_then(|length| usize::try_from(length).ok())
            .ok_or(PytorchError::Cut("the numbers of a tensor"))?;
        storages.insert(key, numbers.take(length)?);
    }
    Ok((root, Storages::Stream(storages)))
}

// ---- the pickle ----

#[derive(Clone, Debug)]
enum Value {
    /// Something that weights do not need.
    Unknown,
    Int(i64),
    Text(String),
    Tuple(Vec<Value>),
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    /// Module and name of what Python would import.
    Global(String, String),
    Storage(Storage),
    Tensor(Tensor),
}

/// Numbers that tensors lie in.
#[derive(Clone, Debug)]
struct Storage {
    /// `FloatStorage` and the like.
    kind: String,
    key: String,
}

impl Storage {
    fn number_size(&self) -> usize {
        match self.kind.as_str() {
            "DoubleStorage" | "LongStorage" => 8,
            "FloatStorage" | "IntStorage" => 4,
            "HalfStorage" | "BFloat16Storage" | "ShortStorage" => 2,
            _ => 1,
        }
    }
}

/// A tensor within its storage, in numbers.
#[derive(Clone, Debug)]
struct Tensor {
    storage: Storage,
    offset: usize,
    shape: Vec<usize>,
    stride: Vec<usize>,
}

impl Tensor {
    /// Arguments of `torch._utils._rebuild_tensor_v2`: storage, offset, shape, stride, and what is of no use here.
    fn rebuilt(arguments: &[Value]) -> Option<Self> {
        let [
            Value::Storage(storage),
            Value::Int(offset),
            Value::Tuple(shape),
            Value::Tuple(stride),
            ..,
        ] = arguments
        else {
            return None;
        };
        let sizes = |values: &[Value]| -> Option<Vec<usize>> {
            values
                .iter()
                .map(|value| match value {
                    Value::Int(size) => usize::try_from(*size).ok(),
                    _ => None,
                })
                .collect()
        };
        let (shape, stride) = (sizes(shape)?, sizes(stride)?);
        (shape.len() == stride.len()).then_some(Self {
            storage: storage.clone(),
            offset: usize::try_from(*offset).ok()?,
            shape,
            stride,
        })
    }

    fn array(&self, name: &str, storages: &Storages<'_>) -> Result<Array, PytorchError> {
        let beyond = || PytorchError::Tensor(name.to_owned());
        let kind = Kind::of_storage(&self.storage.kind).ok_or_else(|| PytorchError::Dtype {
            name: name.to_owned(),
            dtype: self.storage.kind.clone(),
        })?;
        let bytes = storages.get(&self.storage.key)?;
        let count = self
            .shape
            .iter()
            .try_fold(1usize, |count, size| count.checked_mul(*size))
            .ok_or_else(beyond)?;
        // Weights lie row by row, each number once: so the numbers that there are bound what is allocated.
        let mut next = 1;
        for (size, stride) in self.shape.iter().zip(&self.stride).rev() {
            if *size != 1 && *stride != next {
                return Err(beyond());
            }
            next *= size;
        }
        let size = kind.size();
        let range = self
            .offset
            .checked_mul(size)
            .zip(count.checked_mul(size))
            .and_then(|(start, length)| Some(start..start.checked_add(length)?))
            .ok_or_else(beyond)?;
        Ok(Array {
            shape: self.shape.clone(),
            values: kind.numbers(bytes.get(range).ok_or_else(beyond)?),
        })
    }
}

/// How numbers are encoded, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    F16,
    Bf16,
    F32,
    F64,
}

impl Kind {
    fn of_storage(name: &str) -> Option<Self> {
        Some(match name {
            "HalfStorage" => Self::F16,
            "BFloat16Storage" => Self::Bf16,
            "FloatStorage" => Self::F32,
            "DoubleStorage" => Self::F64,
            _ => return None,
        })
    }

    fn size(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    pub(super) fn numbers(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::F16 => (bytes.as_chunks::<2>().0.iter())
                .map(|bytes| f16::from_le_bytes(*bytes).to_f32())
                .collect(),
            Self::Bf16 => (bytes.as_chunks::<2>().0.iter())
                .map(|bytes| bf16::from_le_bytes(*bytes).to_f32())
                .collect(),
            Self::F32 => (bytes.as_chunks::<4>().0.iter())
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect(),
            Self::F64 => (bytes.as_chunks::<8>().0.iter())
                .map(|bytes| f64::from_le_bytes(*bytes) as f32)
                .collect(),
        }
    }
}

/// What follows the instructions of one pickle. Every list and text is part of the file, so the file bounds the memory; only
/// the memo can multiply, and what it gives back is what a state dict reuses: texts, names, small tuples.
struct Machine<'a> {
    code: Bytes<'a>,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
}

/// The most values that a copy from the memo may have: a storage with its key, a shape.
const COPIED: usize = 64;

impl<'a> Machine<'a> {
    fn new(code: &'a [u8]) -> Self {
        Self {
            code: Bytes {
                bytes: code,
                place: 0,
                what: "its pickle",
            },
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        }
    }

    /// Runs to the stop, and returns what is left.
    fn run(&mut self) -> Result<Value, PytorchError> {
        loop {
            let instruction = self.code.u8()?;
            match instruction {
                b'.' => return self.pop(),
                // The version of the pickle; a frame.
                0x80 => {
                    self.code.take(1)?;
                }
                0x95 => {
                    self.code.take(8)?;
                }
                b'(' => self.marks.push(self.stack.len()),
                b'N' | 0x88 | 0x89 => self.stack.push(Value::Unknown),
                b'K' => {
                    let value = self.code.u8()?.into();
                    self.stack.push(Value::Int(value));
                }
                b'M' => {
                    let value = self.code.u16()?.into();
                    self.stack.push(Value::Int(value));
                }
                b'J' => {
                    let value = i64::from(self.code.u32()?.cast_signed());
                    self.stack.push(Value::Int(value));
                }
                0x8a => {
                    let length = self.code.u8()?;
                    let value = long(self.code.take(length.into())?);
                    self.stack.push(value);
                }
                b'G' => {
                    self.code.take(8)?;
                    self.stack.push(Value::Unknown);
                }
                b'X' => {
                    let length = self.code.u32()? as usize;
                    self.text(length)?;
                }
                0x8c => {
                    let length = self.code.u8()?.into();
                    self.text(length)?;
                }
                b'U' => {
                    let length = self.code.u8()?.into();
                    self.text(length)?;
                }
                b')' => self.stack.push(Value::Tuple(Vec::new())),
                0x85..=0x87 => {
                    let values = self.last(usize::from(instruction - 0x84))?;
                    self.stack.push(Value::Tuple(values));
                }
                b't' => {
                    let values = self.since_mark()?;
                    self.stack.push(Value::Tuple(values));
                }
                b']' => self.stack.push(Value::List(Vec::new())),
                b'a' => {
                    let value = self.pop()?;
                    self.append(vec![value]);
                }
                b'e' => {
                    let values = self.since_mark()?;
                    self.append(values);
                }
                b'}' => self.stack.push(Value::Dict(Vec::new())),
                b's' => {
                    let pair = self.last(2)?;
                    self.set(pair);
                }
                b'u' => {
                    let pairs = self.since_mark()?;
                    self.set(pairs);
                }
                b'c' => {
                    let (module, name) = (self.code.line()?, self.code.line()?);
                    self.stack.push(Value::Global(module, name));
                }
                0x93 => {
                    let names = self.last(2)?;
                    self.stack.push(match <[Value; 2]>::try_from(names) {
                        Ok([Value::Text(module), Value::Text(name)]) => Value::Global(module, name),
                        _ => Value::Unknown,
                    });
                }
                b'Q' => {
                    let id = self.pop()?;
                    self.stack.push(storage(&id));
                }
                b'R' => {
                    let (arguments, callable) = (self.pop()?, self.pop()?);
                    self.stack.push(called(callable, arguments));
                }
                // The state of an object: a dict's own, which here is only its metadata.
                b'b' => {
                    self.pop()?;
                }
                b'0' => {
                    self.pop()?;
                }
                b'q' => {
                    let place = self.code.u8()?.into();
                    self.remember(place);
                }
                b'r' => {
                    let place = self.code.u32()?;
                    self.remember(place);
                }
                0x94 => self.remember(self.memo.len() as u32),
                b'h' => {
                    let place = self.code.u8()?.into();
                    self.recall(place)?;
                }
                b'j' => {
                    let place = self.code.u32()?;
                    self.recall(place)?;
                }
                other => return Err(PytorchError::Instruction(other)),
            }
        }
    }

    fn pop(&mut self) -> Result<Value, PytorchError> {
        self.stack.pop().ok_or(PytorchError::Cut("its pickle"))
    }

    fn last(&mut self, count: usize) -> Result<Vec<Value>, PytorchError> {
        let start = self.stack.len().checked_sub(count);
        let start = start.ok_or(PytorchError::Cut("its pickle"))?;
        Ok(self.stack.split_off(start))
    }

    fn since_mark(&mut self) -> Result<Vec<Value>, PytorchError> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len());
        Ok(self
            .stack
            .split_off(mark.ok_or(PytorchError::Cut("its pickle"))?))
    }

    fn text(&mut self, length: usize) -> Result<(), PytorchError> {
        let text = String::from_utf8_lossy(self.code.take(length)?).into_owned();
        self.stack.push(Value::Text(text));
        Ok(())
    }

    fn append(&mut self, values: Vec<Value>) {
        if let Some(Value::List(list)) = self.stack.last_mut() {
            list.extend(values);
        }
    }

    /// Names and values in turn.
    fn set(&mut self, pairs: Vec<Value>) {
        if let Some(Value::Dict(entries)) = self.stack.last_mut() {
            let mut pairs = pairs.into_iter();
            while let (Some(name), Some(value)) = (pairs.next(), pairs.next()) {
                entries.push((name, value));
            }
        }
    }

    fn remember(&mut self, place: u32) {
        // Lists and dicts are remembered while they are empty, and weights never refer back to one.
        let value = match self.stack.last() {
            Some(value @ (Value::Text(_) | Value::Global(..) | Value::Storage(_))) => value.clone(),
            Some(Value::Tuple(values)) if values.len() <= COPIED && values.iter().all(flat) => {
                Value::Tuple(values.clone())
            }
            Some(Value::Tensor(tensor)) => Value::Tensor(tensor.clone()),
            _ => Value::Unknown,
        };
        self.memo.insert(place, value);
    }

    fn recall(&mut self, place: u32) -> Result<(), PytorchError> {
        let value = self.memo.get(&place).cloned();
        self.stack
            .push(value.ok_or(PytorchError::Cut("its pickle"))?);
        Ok(())
    }
}

/// Whether a value has none within it.
fn flat(value: &Value) -> bool {
    !matches!(value, Value::Tuple(_) | Value::List(_) | Value::Dict(_))
}

/// A little-endian number of any length; one that is longer than weights need is unknown.
fn long(bytes: &[u8]) -> Value {
    if bytes.len() > 8 {
        return Value::Unknown;
    }
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut all = [if negative { 0xff } else { 0 }; 8];
    all[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(all))
}

/// What a persistent id stands for: `("storage", type, key, device, count)`.
fn storage(id: &Value) -> Value {
    match id {
        Value::Tuple(parts) => match parts.as_slice() {
            [
                Value::Text(what),
                Value::Global(_, kind),
                Value::Text(key),
                ..,
            ] if what == "storage" => Value::Storage(Storage {
                kind: kind.clone(),
                key: key.clone(),
            }),
            _ => Value::Unknown,
        },
        _ => Value::Unknown,
    }
}

/// What a call would give, of the calls that a state dict has; nothing is ever called.
fn called(callable: Value, arguments: Value) -> Value {
    let (Value::Global(module, name), Value::Tuple(arguments)) = (callable, arguments) else {
        return Value::Unknown;
    };
    match (module.as_str(), name.as_str()) {
        ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor") => {
            Tensor::rebuilt(&arguments).map_or(Value::Unknown, Value::Tensor)
        }
        ("torch._utils", "_rebuild_parameter") => {
            arguments.into_iter().next().unwrap_or(Value::Unknown)
        }
        // Python 2 gives the pairs along, as lists.
        ("collections", "OrderedDict") => Value::Dict(match arguments.into_iter().next() {
            Some(Value::List(pairs)) => pairs.into_iter().filter_map(pair).collect(),
            _ => Vec::new(),
        }),
        _ => Value::Unknown,
    }
}

fn pair(value: Value) -> Option<(Value, Value)> {
    let (Value::List(values) | Value::Tuple(values)) = value else {
        return None;
    };
    let [name, value] = <[Value; 2]>::try_from(values).ok()?;
    Some((name, value))
}

// ---- bytes ----

/// A reader that knows what it reads, for its errors.
struct Bytes<'a> {
    bytes: &'a [u8],
    place: usize,
    what: &'static str,
}

impl<'a> Bytes<'a> {
    fn at(bytes: &'a [u8], place: usize, what: &'static str) -> Result<Self, PytorchError> {
        if place > bytes.len() {
            return Err(PytorchError::Cut(what));
        }
        Ok(Self { bytes, place, what })
    }

    fn rest(&self) -> &'a [u8] {
        &self.bytes[self.place..]
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], PytorchError> {
        let taken = self
            .rest()
            .get(..length)
            .ok_or(PytorchError::Cut(self.what))?;
        self.place += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PytorchError> {
        let what = self.what;
        self.take(N)?
            .try_into()
            .map_err(|_| PytorchError::Cut(what))
    }

    fn u8(&mut self) -> Result<u8, PytorchError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    fn u16(&mut self) -> Result<u16, PytorchError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, PytorchError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, PytorchError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn line(&mut self) -> Result<String, PytorchError> {
        let length = self.rest().iter().position(|byte| *byte == b'\n');
        let line = self.take(length.ok_or(PytorchError::Cut(self.what))?)?;
        self.take(1)?;
        Ok(String::from_utf8_lossy(line).into_owned())
    }
}

//! What pixels are compressed with, a codec a file. JPEG 2000 is [`crate::reader`]'s, because it is in files of its own too.

pub(super) mod dct;
pub(super) mod jpeg_ls;
pub(super) mod lossless;
pub(super) mod markers;
pub(super) mod raw;
pub(super) mod rle;

//! From the bytes of a file to its pixels, a reader for each kind of format. No reader knows what a radiograph is.
//!
//! Every decoder is a function of its own that is not inlined: a browser compiles a function when it is called for the first time, and
//! one with all of them inside took 40 ms of the first image.

mod jpeg;
mod jpeg2000;
mod raster;
mod tiff;

pub(crate) use jpeg::decode_channels;
pub(crate) use jpeg2000::{
    WORKING_BYTES as JPEG2000_WORKING_BYTES, channels as jpeg2000_channels, decode_jpeg2000,
    decode_jpeg2000_samples, is_high_throughput, is_jpeg2000,
};
pub(crate) use raster::decode_raster;
pub(crate) use tiff::decode_tiff;

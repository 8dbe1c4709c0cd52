//! What a file may cost.

/// What a file may cost, checked from its header before memory is taken for its pixels.
///
/// The defaults hold everything that radiography produces (a 43 x 35 cm detector at 100 µm is 15 megapixels) and keep
/// a whole process that decodes one hostile file below 512 MB.
///
/// ```
/// let small = radiograph::Limits { max_pixels: 1_000_000, ..Default::default() };
/// let error = radiograph::Radiograph::decode_with(&[], &small).unwrap_err();
/// assert_eq!(error.code(), "empty-file");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Largest file, in bytes. Default 64 MiB.
    pub max_bytes: u64,
    /// Largest number of pixels (width x height). Default 32 million.
    pub max_pixels: u64,
    /// Most memory that decoding may take at any one time, in bytes: the decoder's own buffers, the decoded pixels and
    /// the finished brightness plane together, but not the file itself. Default 256 MiB.
    pub max_decoded_bytes: u64,
    /// Shortest side that can still show lungs, in pixels. Default 32.
    pub min_side: u32,
    /// Longest side divided by the shortest. Default 4.
    pub max_aspect: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 64 * 1024 * 1024,
            max_pixels: 32_000_000,
            max_decoded_bytes: 256 * 1024 * 1024,
            min_side: 32,
            max_aspect: 4.0,
        }
    }
}

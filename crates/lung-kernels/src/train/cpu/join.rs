//! Copies of maps, on all threads.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::threads::made_by_columns;

/// Of each image the numbers of both.
pub(crate) fn concatenate(images: usize, first: &[f32], second: &[f32]) -> Vec<f32> {
    let [a, b] = [first.len() / images, second.len() / images];
    let work = |image: usize, into: &mut [MaybeUninit<f32>]| {
        let (left, right) = into.split_at_mut(a);
        left.write_copy_of_slice(&first[image * a..][..a]);
        right.write_copy_of_slice(&second[image * b..][..b]);
    };
    // SAFETY: both parts of an image are all of it.
    #[allow(unsafe_code)]
    unsafe {
        made_by_columns(images * (a + b), a + b, 1, work).0
    }
}

/// Of each image the numbers in a range.
pub(crate) fn part(images: usize, input: &[f32], range: Range<usize>) -> Vec<f32> {
    let size = input.len() / images;
    let work = |image: usize, into: &mut [MaybeUninit<f32>]| {
        into.write_copy_of_slice(&input[image * size..][range.clone()]);
    };
    // SAFETY: a range is all of an image's result.
    #[allow(unsafe_code)]
    unsafe {
        made_by_columns(images * range.len(), range.len(), 1, work).0
    }
}

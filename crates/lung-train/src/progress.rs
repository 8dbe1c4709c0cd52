//! What people see of work as it goes: bars, and lines on standard error.

use std::fmt;
use std::io::Write as _;

use indicatif::{ProgressBar, ProgressStyle};

use crate::tell;

/// How many lines on images that are alike are shown.
const SHOWN: usize = 20;

/// A progress bar that shows itself on a terminal only.
pub fn bar(length: usize, message: &str) -> ProgressBar {
    let progress = ProgressBar::new(length as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {eta} left, {msg}") {
        progress.set_style(style);
    }
    progress.set_message(message.to_owned());
    progress
}

/// Writes a line to standard error. Where that is full or closed, work goes on without it: `eprintln!` would panic.
pub fn tell(line: fmt::Arguments<'_>) {
    writeln!(std::io::stderr().lock(), "{line}").ok();
}

/// Tells people of images that are alike.
pub(crate) fn tell_some(lines: &[String]) {
    for line in lines.iter().take(SHOWN) {
        tell!("{line}");
    }
    if lines.len() > SHOWN {
        tell!("and {} more", lines.len() - SHOWN);
    }
    if !lines.is_empty() {
        tell!(
            "images that are identical, or all but, are one group: none is tested on that has a copy among those trained on"
        );
    }
}

/// [`tell`](crate::progress::tell)s people a line, formatted as by `format!`.
#[macro_export]
macro_rules! tell {
    ($($words:tt)*) => {
        $crate::progress::tell(format_args!($($words)*))
    };
}

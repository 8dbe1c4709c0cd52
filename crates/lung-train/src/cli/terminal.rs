//! What people see on the terminal: results on standard output; bars and messages on standard error.

use std::io::Write as _;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use lung_train::progress::{Progress, Steps};

/// Prints; a reader that has gone, as `head` does, is no error.
pub(crate) fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// Writes a line to standard error. Where that is full or closed, work goes on without it: `eprintln!` would panic.
pub(crate) fn tell(line: &str) {
    writeln!(std::io::stderr().lock(), "{line}").ok();
}

/// Shows what the library has to say, a message a line, and how far its work has come.
pub(crate) fn set_up() {
    // Where standard error is full or closed, work goes on without it.
    let messages = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_level(false)
        .with_target(false)
        .without_time()
        .log_internal_errors(false);
    messages.init();
    lung_train::progress::show_with(Bars);
}

/// Progress as bars, which show themselves on a terminal only.
struct Bars;

impl Progress for Bars {
    fn begin(&self, length: usize, message: &str) -> Box<dyn Steps> {
        Box::new(Bar(bar(length, message)))
    }
}

struct Bar(ProgressBar);

impl Steps for Bar {
    fn advance(&self, steps: u64) {
        self.0.inc(steps);
    }

    fn describe(&self, message: String) {
        self.0.set_message(message);
    }

    fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// A bar for work of so many steps.
pub(crate) fn bar(length: usize, message: &str) -> ProgressBar {
    let progress = ProgressBar::new(length as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {eta} left, {msg}") {
        progress.set_style(style);
    }
    progress.set_message(message.to_owned());
    progress
}

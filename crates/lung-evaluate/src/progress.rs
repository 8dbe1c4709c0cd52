//! How far work has come, for whoever waits for it.
//!
//! The library shows nothing itself. A program gives in what does, once and for all of its work, as it gives `tracing` a subscriber for
//! messages: both come from deep within.

use std::fmt;
use std::sync::OnceLock;

/// Shows how far work has come.
pub trait Progress: Send + Sync {
    /// Begins to show work of `length` steps.
    fn begin(&self, length: usize, message: &str) -> Box<dyn Steps>;
}

/// What shows the steps of some work.
pub trait Steps: Send + Sync {
    /// So many steps more are done.
    fn advance(&self, steps: u64);

    /// What is being done has another description now.
    fn describe(&self, message: String);

    /// All is done, and nothing needs to be shown any more.
    fn finish(&self);
}

static PROGRESS: OnceLock<Box<dyn Progress>> = OnceLock::new();

/// Has `progress` show all work of this process from now on. Only the first call has an effect.
pub fn show_with(progress: impl Progress + 'static) {
    PROGRESS.get_or_init(|| Box::new(progress));
}

/// Begins work of `length` steps, which is shown if the program wants that.
pub fn begin(length: usize, message: &str) -> Work {
    Work(
        PROGRESS
            .get()
            .map(|progress| progress.begin(length, message)),
    )
}

/// Work as it goes.
pub struct Work(Option<Box<dyn Steps>>);

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Work(shown: {})", self.0.is_some())
    }
}

impl Work {
    /// Work that is not shown.
    pub const fn hidden() -> Self {
        Self(None)
    }

    /// So many steps more are done.
    pub fn inc(&self, steps: u64) {
        if let Some(shown) = &self.0 {
            shown.advance(steps);
        }
    }

    /// Describes what is being done.
    pub fn set_message(&self, message: String) {
        if let Some(shown) = &self.0 {
            shown.describe(message);
        }
    }

    /// All is done, and nothing needs to be shown any more.
    pub fn finish_and_clear(&self) {
        if let Some(shown) = &self.0 {
            shown.finish();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

    fn see(what: String) {
        SEEN.lock().unwrap().push(what);
    }

    struct Watcher;

    impl Progress for Watcher {
        fn begin(&self, length: usize, message: &str) -> Box<dyn Steps> {
            see(format!("{message}: {length}"));
            Box::new(Self)
        }
    }

    impl Steps for Watcher {
        fn advance(&self, steps: u64) {
            see(format!("+{steps}"));
        }

        fn describe(&self, message: String) {
            see(message);
        }

        fn finish(&self) {
            see("end".to_owned());
        }
    }

    #[test]
    fn work_is_told_to_whoever_was_given_in_and_to_nobody_before() {
        begin(3, "unseen").inc(1);
        show_with(Watcher);
        let work = begin(2, "seen");
        work.inc(2);
        work.set_message("almost".to_owned());
        work.finish_and_clear();
        Work::hidden().inc(5);
        // Other tests of this process may begin work meanwhile.
        let seen = SEEN.lock().unwrap().clone();
        for step in ["seen: 2", "+2", "almost", "end"] {
            assert!(seen.iter().any(|what| what == step), "{step}: {seen:?}");
        }
        assert!(
            !seen
                .iter()
                .any(|what| what.contains("unseen") || what == "+5")
        );
    }
}

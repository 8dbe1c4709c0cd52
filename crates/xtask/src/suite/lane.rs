//! One thing after another, each with a line in the summary; and a second lane beside the first.

use crate::process::{print, quietly, run_tests, say, step};
use crate::tools::Project;
use anyhow::{Result, bail};
use std::process::Command;
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

/// How a step ended.
enum Outcome {
    Passed,
    Failed(String),
    /// Not run, because something that it needs has failed.
    Missed(String),
}

/// One line of the summary, and the runner's own lines below it.
struct Entry {
    name: String,
    took: Duration,
    outcome: Outcome,
    lines: Vec<String>,
}

/// Steps, one after the other.
pub struct Lane<'a> {
    pub project: &'a Project,
    entries: Vec<Entry>,
}

impl<'a> Lane<'a> {
    /// No steps yet.
    pub fn new(project: &'a Project) -> Self {
        Self {
            project,
            entries: Vec::new(),
        }
    }

    /// Does `work` and notes how it ended.
    pub fn step<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Option<T> {
        self.step_with_lines(name, || work().map(|done| (done, Vec::new())))
    }

    /// The same of work that has lines for the summary.
    pub fn step_with_lines<T>(
        &mut self,
        name: &str,
        work: impl FnOnce() -> Result<(T, Vec<String>)>,
    ) -> Option<T> {
        let start = Instant::now();
        let (outcome, lines, done) = match work() {
            Ok((done, lines)) => (Outcome::Passed, lines, Some(done)),
            Err(error) => {
                say(format!("error: {error:#}"));
                (Outcome::Failed(format!("{error:#}")), Vec::new(), None)
            }
        };
        self.note(name, start, outcome, lines);
        done
    }

    /// Runs a test command, notes how it ended and what it said of itself, and returns whether it passed.
    pub fn tests(&mut self, name: &str, command: &mut Command) -> bool {
        step(name);
        let start = Instant::now();
        let (outcome, lines) = match run_tests(command) {
            Ok((true, lines)) => (Outcome::Passed, lines),
            Ok((false, lines)) => (Outcome::Failed("see its messages above".to_owned()), lines),
            Err(error) => (Outcome::Failed(format!("{error:#}")), Vec::new()),
        };
        let passed = matches!(outcome, Outcome::Passed);
        self.note(name, start, outcome, lines);
        passed
    }

    /// Notes that something was not run.
    pub fn missed(&mut self, name: &str, why: &str) {
        self.note(
            name,
            Instant::now(),
            Outcome::Missed(why.to_owned()),
            Vec::new(),
        );
    }

    fn note(&mut self, name: &str, start: Instant, outcome: Outcome, lines: Vec<String>) {
        self.entries.push(Entry {
            name: name.to_owned(),
            took: start.elapsed(),
            outcome,
            lines,
        });
    }

    /// Prints the summary. Fails if anything did, or was not run.
    pub fn finish(self, began: Instant) -> Result<()> {
        step("summary");
        for Entry {
            name,
            took,
            outcome,
            lines,
        } in &self.entries
        {
            let seconds = took.as_secs();
            match outcome {
                Outcome::Passed => say(format!("ok      {name} ({seconds} s)")),
                Outcome::Failed(why) => say(format!("FAILED  {name} ({seconds} s): {why}")),
                Outcome::Missed(why) => say(format!("NOT RUN {name}: {why}")),
            }
            for line in lines {
                say(format!("          {line}"));
            }
        }
        let bad = self
            .entries
            .iter()
            .filter(|entry| !matches!(entry.outcome, Outcome::Passed))
            .count();
        let (steps, minutes) = (self.entries.len(), began.elapsed().as_secs_f64() / 60.0);
        if bad > 0 {
            bail!("{bad} of {steps} steps failed or could not be run ({minutes:.1} minutes)");
        }
        say(format!("all {steps} steps passed ({minutes:.1} minutes)"));
        Ok(())
    }

    /// The lines of the summary for a record: what, how it ended, how many seconds it took, and what the runners said.
    pub fn rows(&self) -> Vec<[String; 4]> {
        self.entries
            .iter()
            .map(|entry| {
                let ended = match &entry.outcome {
                    Outcome::Passed => "passed".to_owned(),
                    Outcome::Failed(why) => format!("failed: {why}"),
                    Outcome::Missed(why) => format!("not run: {why}"),
                };
                let seconds = entry.took.as_secs().to_string();
                [entry.name.clone(), ended, seconds, entry.lines.join("; ")]
            })
            .collect()
    }
}

/// A lane beside the one that prints.
pub struct Side<'scope, 'a, T>(ScopedJoinHandle<'scope, ((Lane<'a>, T), Vec<u8>)>);

impl<'scope, 'a: 'scope, T: Send + 'scope> Side<'scope, 'a, T> {
    /// Begins `work` on a lane of its own.
    pub fn begin(
        scope: &'scope Scope<'scope, '_>,
        project: &'a Project,
        work: impl FnOnce(&mut Lane<'a>) -> T + Send + 'scope,
    ) -> Self {
        Self(scope.spawn(move || {
            quietly(|| {
                let mut lane = Lane::new(project);
                let done = work(&mut lane);
                (lane, done)
            })
        }))
    }

    /// Waits for it to end, prints what it would have printed, and adds its steps to `lane`. `None` if it has broken down.
    pub fn join(self, lane: &mut Lane<'a>) -> Option<T> {
        step("waiting for what was done meanwhile");
        let Ok(((side, done), printed)) = self.0.join() else {
            lane.missed("what was done meanwhile", "it has broken down, see above");
            return None;
        };
        print(&printed);
        lane.entries.extend(side.entries);
        Some(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_beside_is_in_the_summary_and_its_failures_count() -> Result<()> {
        let project = Project::find(false)?;
        let mut lane = Lane::new(&project);
        lane.step("first", || Ok(()));
        // Quietly, as somebody reads what tests print.
        let (done, printed) = quietly(|| {
            std::thread::scope(|scope| {
                let side = Side::begin(scope, &project, |lane| {
                    lane.step::<()>("beside", || bail!("it rained"));
                    lane.missed("after it", "it needs the one before");
                    7
                });
                lane.step("second", || Ok(()));
                side.join(&mut lane)
            })
        });
        assert!(String::from_utf8_lossy(&printed).contains("error: it rained"));
        assert_eq!(done, Some(7));
        let rows = lane.rows();
        let names: Vec<&str> = rows.iter().map(|[name, ..]| name.as_str()).collect();
        assert_eq!(names, ["first", "second", "beside", "after it"]);
        assert_eq!(rows[2][1], "failed: it rained");
        let (ended, _) = quietly(|| lane.finish(Instant::now()));
        let said = ended
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(said.starts_with("2 of 4 steps failed"), "{said}");
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn the_summary_has_the_runners_own_lines() -> Result<()> {
        let project = Project::find(false)?;
        let mut lane = Lane::new(&project);
        let mut echo = Command::new("sh");
        echo.args(["-c", "echo '# pass 3'; echo '# fail 0'"]);
        let (passed, _) = quietly(|| lane.tests("scripts", &mut echo));
        assert!(passed);
        assert_eq!(lane.rows()[0][3], "# pass 3; # fail 0");
        let (ended, printed) = quietly(|| lane.finish(Instant::now()));
        let printed = String::from_utf8(printed)?;
        assert!(printed.contains("\n          # pass 3\n"), "{printed}");
        ended
    }
}

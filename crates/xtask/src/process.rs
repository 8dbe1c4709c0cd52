//! Running other programs: what they print is passed on, or kept while something else has the terminal, and what matters of it is
//! kept for the summary.

use anyhow::{Context, Result, bail};
use std::cell::RefCell;
use std::io::{BufRead, BufReader, PipeReader, Write};
use std::process::{Child, Command, ExitStatus, Stdio};

thread_local! {
    /// What this thread would have printed, if it keeps that.
    static KEPT: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Does `work` without printing: returns, beside its result, what it and the programs that it ran would have printed.
pub fn quietly<T>(work: impl FnOnce() -> T) -> (T, Vec<u8>) {
    let before = KEPT.replace(Some(Vec::new()));
    let result = work();
    let kept = KEPT.replace(before).unwrap_or_default();
    (result, kept)
}

/// Prints text, unless this thread keeps what it prints.
pub fn print(text: &[u8]) {
    KEPT.with_borrow_mut(|kept| match kept {
        Some(kept) => kept.extend_from_slice(text),
        None => {
            let mut out = std::io::stdout().lock();
            // A closed terminal is no reason to stop.
            let _ = out.write_all(text).and_then(|()| out.flush());
        }
    });
}

/// Prints a line.
pub fn say(line: impl AsRef<str>) {
    print(format!("{}\n", line.as_ref()).as_bytes());
}

/// Says what is being done now.
pub fn step(what: impl AsRef<str>) {
    say(format!("==> {}", what.as_ref()));
}

/// Runs `command`, showing all it prints. An error names the program and its exit status, and ends with `advice`.
pub fn run(command: &mut Command, advice: &str) -> Result<()> {
    let status = status(command, advice)?;
    if !status.success() {
        bail!("`{}` failed ({status}). {advice}", describe(command));
    }
    Ok(())
}

/// Runs `command`, showing all it prints, and returns how it ended. An error, with `advice`, is that it did not begin.
pub fn status(command: &mut Command, advice: &str) -> Result<ExitStatus> {
    let name = describe(command);
    command.stdin(Stdio::null());
    if KEPT.with_borrow(Option::is_some) {
        let (mut child, mut reader) =
            spawn(command).with_context(|| format!("`{name}` could not be started. {advice}"))?;
        each_line(&mut reader, |_| {})?;
        child.wait()
    } else {
        command.status()
    }
    .with_context(|| format!("`{name}` could not be started. {advice}"))
}

/// Starts `command` with both its streams in one pipe: cargo's "Running tests/x.rs" (stderr) stays before that test's result (stdout).
fn spawn(command: &mut Command) -> Result<(Child, BufReader<PipeReader>)> {
    let (reader, writer) = std::io::pipe().context("no pipe could be made")?;
    let child = command
        .stdout(writer.try_clone().context("no pipe could be made")?)
        .stderr(writer)
        .spawn();
    // The command holds the pipe's writing ends; as long as it does, the pipe would not end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Ok((child?, BufReader::new(reader)))
}

/// Passes on each line of a program, and calls `hear` with it, trimmed.
fn each_line(reader: &mut BufReader<PipeReader>, mut hear: impl FnMut(&str)) -> Result<()> {
    let mut line = Vec::new();
    while reader
        .read_until(b'\n', &mut line)
        .context("reading from the pipe")?
        > 0
    {
        let text = String::from_utf8_lossy(&line);
        print(text.as_bytes());
        hear(text.trim());
        line.clear();
    }
    Ok(())
}

/// Runs `command`, showing all it prints on either stream, and returns whether it succeeded together with the lines
/// that a test runner sums itself up in (see [`summary_line`]) and those that name a test which failed and say why
/// (see [`failure_line`] and [`Reason`]).
pub fn run_tests(command: &mut Command) -> Result<(bool, Vec<String>)> {
    let (status, lines) = hear(command)?;
    Ok((status.success(), lines))
}

/// The same with how it ended.
pub fn hear(command: &mut Command) -> Result<(ExitStatus, Vec<String>)> {
    let name = describe(command);
    let (mut child, mut reader) = spawn(command.stdin(Stdio::null()))
        .with_context(|| format!("`{name}` could not be started"))?;
    let mut summary = Vec::new();
    let mut heading = None;
    let mut reason = Reason::default();
    each_line(&mut reader, |text| {
        let told = reason.tells(text);
        if let Some(what) = heading_line(text) {
            heading = Some(what.to_owned());
        } else if summary_line(text) {
            summary.push(match heading.take() {
                Some(what) => format!("{text} ({what})"),
                None => text.to_owned(),
            });
        } else if told || failure_line(text) {
            summary.push(text.chars().take(FAILURE_CHARS).collect());
        }
    })?;
    let status = child
        .wait()
        .with_context(|| format!("waiting for `{name}`"))?;
    Ok((status, summary))
}

/// What `command` prints on stdout, trimmed; `None` if it cannot be started or fails.
pub fn output(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn describe(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

/// What cargo is about to run, from its "Running unittests src/lib.rs (target/...)" or "Doc-tests name".
fn heading_line(line: &str) -> Option<&str> {
    if let Some(rest) = line.strip_prefix("Running ") {
        return Some(rest.split(" (").next().unwrap_or(rest));
    }
    line.starts_with("Doc-tests ").then_some(line)
}

/// Whether a test runner sums itself up in this line: cargo's and wasm-bindgen's `test result: ...`, libFuzzer's `Done 9 runs
/// in 3 second(s)`, Python's `Ran 2 tests in 1.0s`, cargo-deny's `bans ok, licenses ok, sources ok`, cargo-semver-checks' `Checked [ 0.1s]
/// 9 checks: 9 pass`, or Node's `# pass 3` (TAP) and `ℹ pass 3` (spec), and what
/// the long tests of the page measure.
fn summary_line(line: &str) -> bool {
    if line.starts_with("test result: ")
        || (line.starts_with("Done ") && line.contains(" runs in "))
        || (line.starts_with("Ran ") && line.contains(" test"))
        || line.starts_with("bans ")
        || line.starts_with("advisories ")
        || (line.starts_with("Checked [") && line.contains(" checks: "))
    {
        return true;
    }
    let counted = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ "));
    if counted.is_some_and(|rest| rest.starts_with("live objects ")) {
        return true;
    }
    counted
        .and_then(|rest| rest.split_once(' '))
        .is_some_and(|(what, count)| {
            ["tests", "pass", "fail", "cancelled", "skipped", "todo"].contains(&what)
                && count.parse::<u64>().is_ok()
        })
}

/// How much of a line that names a failure is repeated: an assertion's message can hold a whole image.
const FAILURE_CHARS: usize = 300;

/// How many lines of one reason are repeated, and how many places of its stack.
const REASON_LINES: usize = 8;
const REASON_PLACES: usize = 2;

/// A reason of several lines, as Node gives it in TAP: what follows `error: |-`, and the places in test files that follow
/// `stack: |-`. Without them a failure that cannot be repeated is known by its name alone.
#[derive(Default)]
struct Reason {
    lines: usize,
    places: usize,
}

impl Reason {
    /// Whether this line, trimmed, is a part of a reason.
    fn tells(&mut self, line: &str) -> bool {
        match line {
            "error: |-" => (self.lines, self.places) = (REASON_LINES, 0),
            "stack: |-" => (self.lines, self.places) = (0, REASON_PLACES),
            "..." => *self = Self::default(),
            _ if line.starts_with("code: ") || line.starts_with("name: ") => self.lines = 0,
            _ if self.lines > 0 && !line.is_empty() => {
                self.lines -= 1;
                return true;
            }
            _ if self.places > 0 && line.contains("(file://") => {
                self.places -= 1;
                return true;
            }
            _ => {}
        }
        false
    }
}

/// Whether a test runner names a test that failed in this line, or says why: cargo's and wasm-bindgen's `test NAME ...
/// FAILED` (or `FAIL`), Python's `FAIL: NAME` and `ERROR: NAME`, Node's `not ok 3 - NAME` and its `error: 'REASON'`
/// (TAP), or `✖ NAME` (spec), and cargo-semver-checks' `--- failure NAME: REASON ---`.
fn failure_line(line: &str) -> bool {
    (line.starts_with("test ") && (line.ends_with("... FAILED") || line.ends_with("... FAIL")))
        || line.starts_with("FAIL: ")
        || line.starts_with("ERROR: ")
        || (line.starts_with("not ok ") && !line.contains(" # "))
        || (line.starts_with("error: '") && line.ends_with('\''))
        || (line.starts_with("✖ ") && line != "✖ failing tests:")
        || line.starts_with("--- failure ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_every_runner_are_recognised() {
        for line in [
            "test result: ok. 3 passed; 0 failed",
            "# pass 12",
            "# live objects 3.8 MB after 20 images, 4.0 MB after 200",
            "ℹ fail 0",
            "Done 20000 runs in 2 second(s)",
            "Ran 1 test in 12.345s",
            "bans ok, licenses FAILED, sources ok",
            "advisories ok",
            "Checked [   0.033s] 177 checks: 177 pass, 65 skip",
        ] {
            assert!(summary_line(line), "{line}");
        }
        for line in [
            "test decode ... ok",
            "# Subtest: page",
            "# pass through",
            "ℹ duration_ms 12.5",
        ] {
            assert!(!summary_line(line), "{line}");
        }
    }

    #[test]
    fn failures_of_every_runner_are_recognised() {
        for line in [
            "test decode ... FAILED",
            "test decode ... FAIL",
            "FAIL: test_same (archive.Same)",
            "not ok 21 - of several images the rows say what was found",
            "error: 'the card shows the evidence of the image chosen'",
            "✖ a pasted image is classified (812.5ms)",
            "--- failure function_missing: pub fn removed or renamed ---",
        ] {
            assert!(failure_line(line), "{line}");
        }
        for line in [
            "test decode ... ok",
            "ok 21 - of several images",
            "not ok 3 - the real images # TODO",
            "error: could not compile `radiograph`",
            "error: |-",
            "✖ failing tests:",
        ] {
            assert!(!failure_line(line), "{line}");
        }
    }

    #[test]
    fn a_reason_of_several_lines_is_repeated_with_its_place() {
        let printed = "not ok 1 - one
              ---
              failureType: 'testCodeFailure'
              error: |-
                Expected values to be strictly equal:

                1 !== 0

              code: 'ERR_ASSERTION'
              expected: 0
              stack: |-
                f (file:///tests/a.test.mjs:3:28)
                Test.run (node:internal/test_runner/test:796:25)
              ...
            (file:///tests/b.test.mjs is not of it)";
        let mut reason = Reason::default();
        let told: Vec<_> = printed
            .lines()
            .map(str::trim)
            .filter(|line| reason.tells(line))
            .collect();
        assert_eq!(
            told,
            [
                "Expected values to be strictly equal:",
                "1 !== 0",
                "f (file:///tests/a.test.mjs:3:28)"
            ]
        );
    }

    #[test]
    fn a_result_is_listed_with_what_was_run() -> Result<()> {
        let mut echo = Command::new("sh");
        echo.args([
            "-c",
            "echo '     Running unittests src/lib.rs (target/x)' >&2; echo 'test result: ok. 1 passed'; exit 3",
        ]);
        let (result, _) = quietly(|| run_tests(&mut echo));
        let (success, summary) = result?;
        assert!(!success);
        assert_eq!(
            summary,
            ["test result: ok. 1 passed (unittests src/lib.rs)"]
        );
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn what_runs_beside_the_terminal_keeps_what_it_prints() -> Result<()> {
        let shell = |text: &str| {
            let mut shell = Command::new("sh");
            shell.args(["-c", text]);
            shell
        };
        let ((ran, failed), kept) = quietly(|| {
            step("one");
            let ran = run(&mut shell("echo two; echo three >&2"), "");
            (ran, run(&mut shell("echo four; exit 3"), "Do this."))
        });
        ran?;
        assert_eq!(String::from_utf8(kept)?, "==> one\ntwo\nthree\nfour\n");
        let said = failed
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(said.ends_with("Do this."), "{said}");
        let ((), nothing) = quietly(|| {});
        assert!(nothing.is_empty());
        Ok(())
    }
}

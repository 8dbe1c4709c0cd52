//! A program that answers requests, each of them and each answer a line of JSON.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// Between two turns, so that the threads of one program have stopped waiting for work when the other begins.
const PAUSE: Duration = Duration::from_millis(300);

/// A running program.
pub struct Program {
    name: &'static str,
    child: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
}

impl Program {
    /// Starts `command`, which messages call `name`.
    pub fn start(name: &'static str, command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} could not be started"))?;
        let requests = child.stdin.take().context("no pipe to write to")?;
        let replies = child.stdout.take().context("no pipe to read from")?;
        Ok(Self {
            name,
            child,
            requests,
            replies: BufReader::new(replies),
        })
    }

    /// The answer to a request.
    pub fn ask(&mut self, request: &Value) -> Result<Value> {
        let name = self.name;
        writeln!(self.requests, "{request}")
            .with_context(|| format!("{name} has ended; its messages above say why"))?;
        let mut reply = String::new();
        self.replies
            .read_line(&mut reply)
            .with_context(|| format!("{name} cannot be understood"))?;
        ensure!(
            !reply.is_empty(),
            "{name} gave no answer to {request}; its messages above say why"
        );
        serde_json::from_str(&reply).with_context(|| format!("{name} answered {reply}"))
    }

    /// The times of a request that is timed, after a pause, in milliseconds.
    pub fn times(&mut self, request: &Value) -> Result<Vec<f64>> {
        std::thread::sleep(PAUSE);
        let reply = self.ask(request)?;
        let times = reply["ms"]
            .as_array()
            .map(|times| times.iter().filter_map(Value::as_f64).collect::<Vec<f64>>());
        times
            .filter(|times| !times.is_empty())
            .with_context(|| format!("{} answered {reply}", self.name))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It ends with its input, but nothing is lost if it does not get to see that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

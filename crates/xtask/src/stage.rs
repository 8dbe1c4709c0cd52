//! `cargo xtask serve`: the page is served as soon as it runs on the CPU, and gets its other builds while it is looked at.

use crate::dist::{self, Build, Speed};
use crate::process::{print, quietly, say, step};
use crate::server::{self, Served};
use crate::tools::{self, Project, WasmRust};
use anyhow::{Context, Result, anyhow};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Instant;

/// A build, and the folder of its files.
type Runtime = (Build, PathBuf);

/// What became of a build, and what it printed.
type Finished = (Build, Result<Runtime>, Vec<u8>);

/// Builds the page and serves it until interrupted: from when it runs on the CPU.
pub fn serve(project: &Project, speed: Speed, port: Option<u16>) -> Result<()> {
    let began = Instant::now();
    // Now rather than after minutes of building it is found out that the port is taken.
    let listener = server::listen(port)?;
    let mut stage = Stage::new(project);
    let (rust, cpu) = first(project, speed)?;
    stage.ready.push(cpu);
    let served = Served::new(&stage.assemble()?)?;
    step("serving the page, which runs on the CPU for now; stop with Ctrl-C");
    say(server::address(&listener)?);
    say(format!(
        "    {}; building for WebGPU and for relaxed SIMD, and the readers of rare formats, meanwhile",
        since(began)
    ));
    std::thread::scope(|scope| {
        let others = others(scope, project, rust, speed);
        scope.spawn(|| server::answer_all(&listener, &served));
        stage.follow(others, &served, began);
    });
    Ok(())
}

/// Gets the tools and the build on the CPU. Tools are fetched and compiled beside it.
fn first(project: &Project, speed: Speed) -> Result<(WasmRust, Runtime)> {
    std::thread::scope(|scope| {
        step(
            "getting the tools, and building the page for the CPU (2 to 5 minutes the first time)",
        );
        let scripts = scope.spawn(|| quietly(|| dist::scripts(project, speed)));
        let bindgen = scope.spawn(|| quietly(|| tools::wasm_bindgen(project)));
        let compiled = tools::wasm_rust(project)
            .and_then(|rust| Ok((rust, Build::Cpu.compile(project, rust, speed)?)));
        join(scripts)?;
        join(bindgen)?;
        let (rust, compiled) = compiled?;
        Ok((rust, Build::Cpu.finish(project, speed, &compiled)?))
    })
}

/// Waits for what was done beside, and shows what it printed.
fn join(handle: ScopedJoinHandle<'_, (Result<()>, Vec<u8>)>) -> Result<()> {
    let (result, printed) = handle
        .join()
        .map_err(|_| anyhow!("a thread of xtask has broken down; its message is above"))?;
    print(&printed);
    result
}

/// Begins the other builds, side by side; they come as they are ready.
fn others<'scope>(
    scope: &'scope Scope<'scope, '_>,
    project: &'scope Project,
    rust: WasmRust,
    speed: Speed,
) -> Receiver<Finished> {
    let (sender, receiver) = channel();
    for build in [Build::WebGpu, Build::Relaxed, Build::Readers] {
        let sender = sender.clone();
        scope.spawn(move || {
            let (result, printed) = quietly(|| {
                let compiled = build.compile(project, rust, speed)?;
                build.finish(project, speed, &compiled)
            });
            // Whoever listens does so to the end.
            let _ = sender.send((build, result, printed));
        });
    }
    receiver
}

/// The page as far as it is ready.
struct Stage<'a> {
    project: &'a Project,
    ready: Vec<Runtime>,
    /// Where it is put together while it is not whole.
    folder: PathBuf,
    /// How often it was: each time in a folder of its own, as the last one is being served.
    turn: usize,
    whole: bool,
}

impl<'a> Stage<'a> {
    fn new(project: &'a Project) -> Self {
        Self {
            project,
            ready: Vec::new(),
            folder: project.root().join("target/stage"),
            turn: 0,
            whole: false,
        }
    }

    /// Puts the page together as it is now, and returns its folder: `dist/` if it is whole, and one below `target/` while it is not.
    fn assemble(&mut self) -> Result<PathBuf> {
        let has = |build| self.ready.iter().any(|(ready, _)| *ready == build);
        if Build::ALL.into_iter().all(has) {
            let folder = dist::whole(self.project, &self.ready)?;
            self.whole = true;
            return Ok(folder);
        }
        self.turn += 1;
        let folder = self.folder.join(self.turn.to_string());
        dist::assemble(self.project, &self.ready, &folder)?;
        Ok(folder)
    }

    /// Takes in builds as they end, and serves the page anew with each. One that failed is reported, and the page stays as it was.
    fn follow(
        &mut self,
        builds: impl IntoIterator<Item = Finished>,
        served: &Served,
        began: Instant,
    ) {
        for (build, result, printed) in builds {
            let name = build.name();
            match result {
                Ok(runtime) => {
                    self.ready.push(runtime);
                    say(format!("    {}: {name} is ready", since(began)));
                    if let Err(error) = self.show(served) {
                        say(format!("error: {error:#}"));
                    }
                }
                Err(error) => {
                    print(&printed);
                    say(format!("error: {name} could not be built: {error:#}"));
                }
            }
        }
        self.close(began);
    }

    /// Serves the page as it is now.
    fn show(&mut self, served: &Served) -> Result<()> {
        let folder = self.assemble().context("the page stays as it was")?;
        Ok(served.switch(&folder)?)
    }

    /// Says how it ended.
    fn close(&self, began: Instant) {
        if self.whole {
            step(format!(
                "{}: the page is whole, in dist/; reload it, and it chooses its build and is kept for use without a network",
                since(began)
            ));
        } else {
            step("the page is served without what could not be built; start again to try again");
        }
    }
}

/// How long ago, for people.
fn since(began: Instant) -> String {
    let seconds = began.elapsed().as_secs();
    format!("{}:{:02} min", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn a_page_whose_later_builds_fail_is_served_on() -> Result<()> {
        let project = Project::find(false)?;
        let root = std::env::temp_dir().join(format!("xtask-stage-{}", std::process::id()));
        let made = |build: Build| -> Result<Runtime> {
            let folder = root.join(build.name());
            fs::create_dir_all(&folder)?;
            fs::write(folder.join(build.script()), build.name())?;
            Ok((build, folder))
        };
        let mut stage = Stage::new(&project);
        stage.folder = root.join("stage");
        stage.ready.push(made(Build::Cpu)?);
        let served = Served::new(&stage.assemble()?)?;
        let first = served.folder();
        let script =
            |folder: &Path| fs::read_to_string(folder.join("runtime/cpu-relaxed/lung_web.js"));
        assert_eq!(script(&first)?, "cpu");
        let ends: Vec<Finished> = vec![
            (
                Build::WebGpu,
                Err(anyhow!("out of memory")),
                b"its messages\n".to_vec(),
            ),
            (Build::Relaxed, made(Build::Relaxed), Vec::new()),
        ];
        let ((), said) = quietly(|| stage.follow(ends, &served, Instant::now()));
        let said = String::from_utf8(said)?;
        assert!(said.contains("its messages\nerror: webgpu could not be built: out of memory"));
        assert!(said.contains("cpu-relaxed is ready"));
        assert!(said.contains("without what could not be built"), "{said}");
        assert_ne!(served.folder(), first);
        assert_eq!(script(&served.folder())?, "cpu-relaxed");
        assert!(served.folder().join("index.html").exists());
        assert!(!served.folder().join("release.json").exists());
        fs::remove_dir_all(root)?;
        Ok(())
    }
}

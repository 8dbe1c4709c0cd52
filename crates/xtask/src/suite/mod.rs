//! Every test there is, and one summary at the end.

mod browser;
mod docs;
mod lane;
mod long;
mod parts;
mod steps;

pub use long::run as run_long;
pub use parts::Part;
pub use steps::fuzz_seeds;

use crate::tools::{self, Project};
use anyhow::{Result, ensure};
use lane::{Lane, Side};
use std::sync::mpsc::channel;
use std::time::Instant;
use steps::{
    FUZZ_SECONDS, archive, archive_packages, command, compile, deny, divided, example, foreign,
    foreign_packages, format, fuzz_targets, fuzz_tools, fuzzing, lints, native, package, peer,
    set_up, trunk, vulnerabilities, wasm,
};

/// Runs one part, with what follows `--` on the command line. Fails after the summary if any step did.
pub fn run_part(project: &Project, part: Part, filters: &[String]) -> Result<()> {
    ensure!(
        filters.is_empty() || part == Part::Browser || part.package().is_some(),
        "only the tests of the page (files) and of a native crate (names) can be chosen after `--`"
    );
    let began = Instant::now();
    let mut lane = Lane::new(project);
    match part {
        Part::Format => format(&mut lane),
        Part::Docs => docs::documentation(&mut lane),
        Part::Lints => lints(&mut lane),
        Part::Structure => divided(&mut lane),
        Part::Native => {
            compile(&mut lane);
            native(&mut lane);
        }
        Part::Radiograph
        | Part::Kernels
        | Part::Classifier
        | Part::Evaluate
        | Part::Train
        | Part::Xtask => {
            package(&mut lane, part.package().unwrap_or_default(), filters);
            if part == Part::Classifier && filters.is_empty() {
                example(&mut lane);
            }
        }
        Part::Wasm => {
            let rust = set_up(&mut lane);
            wasm(&mut lane, rust);
        }
        Part::Types => {
            let packages = browser::packages(&mut lane);
            browser::types(&mut lane, packages);
            browser::format(&mut lane, packages);
        }
        Part::Browser => browser::part(&mut lane, filters),
        Part::Archive => {
            let python = archive_packages(&mut lane);
            command(&mut lane);
            archive(&mut lane, python);
        }
        Part::Foreign => {
            let python = foreign_packages(&mut lane);
            command(&mut lane);
            foreign(&mut lane, python);
        }
        Part::Fuzz => {
            fuzz_targets(&mut lane);
            fuzzing(&mut lane, FUZZ_SECONDS);
        }
        Part::Deny => {
            deny(&mut lane);
            docs::publishable(&mut lane);
        }
        Part::Advisories => vulnerabilities(&mut lane),
        Part::Semver => docs::compatible(&mut lane),
        Part::Trunk => trunk(&mut lane),
        Part::Peer => peer(&mut lane),
    }
    lane.finish(began)
}

/// Runs the tests, all of them. Steps that do not need each other all run even when one has failed. Fails after the summary if any
/// step did.
pub fn run(project: &Project) -> Result<()> {
    let began = Instant::now();
    let mut lane = Lane::new(project);
    let ready = everything(&mut lane);
    browser::tests(
        &mut lane,
        ready.as_ref().and_then(|ready| ready.browsers.as_ref()),
    );
    fuzzing(&mut lane, FUZZ_SECONDS);
    lane.finish(began)
}

/// What the second lane has made for the tests after it.
struct Ready {
    browsers: Option<browser::Needs>,
}

/// All but what keeps every core busy by itself. The second lane waits for the network and for single cores while the first compiles.
fn everything<'a>(lane: &mut Lane<'a>) -> Option<Ready> {
    let project = lane.project;
    std::thread::scope(|scope| {
        let (compiled, native_compiled) = channel();
        let side = Side::begin(scope, project, move |lane| {
            lane.step("system packages", || tools::for_tests(project));
            let packages = browser::packages(lane);
            browser::apps(lane);
            let python = archive_packages(lane);
            let foreign_python = foreign_packages(lane);
            let rust = set_up(lane);
            browser::types(lane, packages);
            browser::format(lane, packages);
            let page = browser::page(lane, rust);
            wasm(lane, rust);
            fuzz_tools(lane);
            deny(lane);
            vulnerabilities(lane);
            docs::publishable(lane);
            // It ends without a word where the first lane has broken down.
            let command = native_compiled.recv().unwrap_or(false);
            archive(lane, python.filter(|_| command));
            foreign(lane, foreign_python.filter(|_| command));
            fuzz_targets(lane);
            let browsers = browser::browsers(lane);
            Ready {
                browsers: browser::Needs::of(
                    browsers,
                    page.clone(),
                    packages && command && page.is_some(),
                ),
            }
        });
        format(lane);
        docs::documentation(lane);
        divided(lane);
        lints(lane);
        // Nobody listens any more where the second lane has broken down.
        let _ = compiled.send(compile(lane));
        native(lane);
        side.join(lane)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_can_be_chosen_where_there_is_nothing_to_choose() -> Result<()> {
        let project = Project::find(false)?;
        let error = run_part(&project, Part::Deny, &["x".to_owned()]).err();
        assert!(error.is_some_and(|error| error.to_string().contains("after `--`")));
        Ok(())
    }
}

//! The documentation: how long its sentences are, whether its links lead somewhere, and spelling, also of the sources. And whether
//! the crates can be published, and still have what their users call.

use super::lane::Lane;
use crate::{release, tools};
use anyhow::ensure;

/// Scripts of `tests/docs`, and what each is called in the summary.
const SCRIPTS: [(&str, &str); 2] = [
    ("prose.mjs", "words per sentence"),
    ("links.mjs", "links of the documentation"),
];

/// All of it; a second or two.
pub fn documentation(lane: &mut Lane<'_>) {
    let project = lane.project;
    for (script, name) in SCRIPTS {
        let mut node = project.command("node");
        node.arg(project.root().join("tests/docs").join(script));
        lane.tests(name, &mut node);
    }
    if lane.step("typos", || tools::typos(project)).is_some() {
        let mut typos = project.command("typos");
        typos
            .args(["--format", "brief"])
            .current_dir(project.root());
        lane.tests("spelling", &mut typos);
    }
}

/// Whether crates.io would take the crates: metadata, versions, readmes, files. They are compiled by the other parts.
pub fn publishable(lane: &mut Lane<'_>) {
    let mut publish = lane.project.command("cargo");
    publish.args(["publish", "--dry-run", "--workspace", "--no-verify"]);
    publish.args(["--allow-dirty", "--quiet"]);
    lane.tests("crates that can be published", &mut publish);
}

/// Whether the crates still have what the last release has, or what is written down in its place, but for what a higher version allows.
pub fn compatible(lane: &mut Lane<'_>) {
    let project = lane.project;
    lane.step_with_lines("compatible with the last release", || {
        let compared = release::compared_with_baseline(project)?;
        let lines = compared.lines.join("; ");
        ensure!(compared.kept, "they lack what users may call: {lines}");
        Ok(((), compared.lines))
    });
}

//! The documentation: how long its sentences are, whether its links lead somewhere, and spelling, also of the sources. And whether
//! the crates can be published.

use super::lane::Lane;
use crate::tools;

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

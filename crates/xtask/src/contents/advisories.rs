//! Known vulnerabilities of the crates that ours depend on.

use crate::process::{hear, status, step};
use crate::tools::{self, Project};
use anyhow::Result;

/// What is known.
pub enum Advisories {
    /// Nothing: their database cannot be had here.
    OutOfReach,
    /// Whether there is none, and what the tool says in sum.
    Known { none: bool, lines: Vec<String> },
}

/// Why nothing is known of them.
pub const OUT_OF_REACH: &str = "known vulnerabilities were not looked for: their database, https://github.com/RustSec/advisory-db, cannot be fetched from here";

/// Fetches the database of vulnerabilities, which is on another server than the crates, and looks the crates up in it.
pub fn advisories(project: &Project) -> Result<Advisories> {
    tools::cargo_deny(project)?;
    step("known vulnerabilities");
    let mut fetch = project.command("cargo");
    fetch.args(["deny", "--log-level", "off", "fetch", "db"]);
    if !status(&mut fetch, "")?.success() {
        return Ok(Advisories::OutOfReach);
    }
    let mut check = project.command("cargo");
    check.args(["deny", "check", "--hide-inclusion-graph", "advisories"]);
    let (ended, lines) = hear(&mut check)?;
    let none = ended.success();
    Ok(Advisories::Known { none, lines })
}

//! The parts of the tests that can be run by themselves.

use clap::ValueEnum;

/// A part of the tests. The minutes are those of two cores: after a change, and in brackets the first time, tools included.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Part {
    /// Formatting of the Rust sources: a second
    Format,
    /// Sentences, spelling and links of the documentation: seconds
    Docs,
    /// Clippy and rustdoc, all targets: half a minute (3 minutes)
    Lints,
    /// Cycles between modules, and what has become too long: seconds
    Structure,
    /// Everything that runs natively, examples in the documentation too: 4 minutes (8)
    Native,
    /// Native, the decoder of image files: 1 minute (1)
    Radiograph,
    /// Native, the network's operators: 1 minute (6)
    Kernels,
    /// Native, preprocessing, network, weights file, report: 1 minute (6)
    Classifier,
    /// Native, folders of radiographs and figures of a model: 1 minute (5)
    Evaluate,
    /// Native, training and the command `lung`: 3 minutes (8)
    Train,
    /// Native, this tool: half a minute (1)
    Xtask,
    /// The wasm crate, under Node: half a minute (4)
    Wasm,
    /// Types and format of the JavaScript: seconds (1)
    Types,
    /// The page in Chromium and Firefox: 5 minutes (12); with test files after `--`, such as `viewer`, less than one
    Browser,
    /// The example for archives, in Ray Data: half a minute (8)
    Archive,
    /// Files that others made, held to what others make of them: seconds (2 minutes)
    Foreign,
    /// Hostile bytes at every door, 15 seconds each: 1 minute (3)
    Fuzz,
    /// Whether the crates keep what the last release promised, or a commit that is written down; not part of a whole run, but of a long one: minutes
    Semver,
    /// Licences and sources of all that is depended on, and whether the crates can be published: seconds
    Deny,
    /// Known vulnerabilities of all that is depended on, where their database can be fetched: seconds
    Advisories,
    /// `trunk build` with `Trunk.toml` makes the same page; not part of a whole run, but of a long one: 1 minute (8)
    Trunk,
    /// `lung evaluate --peer`, which needs the feature `peer`; not part of a whole run, but of a long one: 2 minutes (8)
    Peer,
}

impl Part {
    /// The crate whose native tests it is.
    pub fn package(self) -> Option<&'static str> {
        match self {
            Self::Radiograph => Some("radiograph"),
            Self::Kernels => Some("lung-kernels"),
            Self::Classifier => Some("mobilenet-lung"),
            Self::Evaluate => Some("lung-evaluate"),
            Self::Train => Some("lung-train"),
            Self::Xtask => Some("xtask"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_whole_run_is_a_job_of_the_workflow() {
        let workflow = include_str!("../../../../.github/workflows/tests.yml");
        let jobs = workflow
            .lines()
            .find_map(|line| line.trim().strip_prefix("part: ["))
            .unwrap_or_default();
        let jobs: Vec<&str> = jobs.trim_end_matches(']').split(", ").collect();
        for part in Part::value_variants() {
            let name = part.to_possible_value();
            let name = name.as_ref().map_or("", |value| value.get_name());
            // The tests of one crate are in those of all, and two parts are of a long run alone.
            let elsewhere = part.package().is_some() || matches!(part, Part::Trunk | Part::Peer);
            assert_ne!(jobs.contains(&name), elsewhere, "{name}");
        }
    }

    #[test]
    fn every_part_says_how_long_it_takes() {
        for part in Part::value_variants() {
            let help = part
                .to_possible_value()
                .and_then(|value| value.get_help().map(ToString::to_string))
                .unwrap_or_default();
            assert!(
                help.contains("second") || help.contains("minute"),
                "{part:?}: {help}"
            );
        }
    }
}

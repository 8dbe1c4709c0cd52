//! What is measured, and how often.

use super::rows::{BenchPart, Row};
use crate::dist::Speed;
use clap::ValueEnum;
use std::path::PathBuf;

/// Which adapter WebGPU runs on.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Gpu {
    /// Chromium's own software adapter, the same on every machine.
    Software,
    /// This machine's.
    Hardware,
}

/// What to measure, and how often.
pub struct Options {
    /// `None` is all of it.
    pub part: Option<BenchPart>,
    /// Only these rows; empty is all of them.
    pub only: Vec<Row>,
    /// The paper's networks whose training is timed in place of all else.
    pub networks: Option<Vec<String>>,
    /// Fewer turns, and without engines that are far from the fastest.
    pub quick: bool,
    /// Adds the ratios to the baseline.
    pub record: bool,
    /// Where to write the figures as JSON.
    pub json: Option<PathBuf>,
    /// Turns of warm runs in the browser, where other than usual; the native parts, whose turns hold more, make a quarter as many.
    pub rounds: Option<u32>,
    /// The same on WebGPU.
    pub webgpu_rounds: Option<u32>,
    /// Only these engines of the browser, by id, with commas between.
    pub engines: Option<String>,
    /// The adapter for WebGPU.
    pub gpu: Gpu,
    /// How the page is built.
    pub speed: Speed,
}

impl Options {
    /// Whether a row is to be measured.
    pub fn wants(&self, row: Row) -> bool {
        self.networks.is_none()
            && self.part.is_none_or(|part| part == row.part())
            && (self.only.is_empty() || self.only.contains(&row))
    }

    /// Whether any row of a part is to be measured.
    pub fn wants_part(&self, part: BenchPart) -> bool {
        (Row::value_variants().iter()).any(|row| row.part() == part && self.wants(*row))
    }

    /// Whether what belongs to no row is measured too: memory, other batches.
    pub fn whole(&self) -> bool {
        self.only.is_empty() && !self.quick && self.networks.is_none()
    }

    /// Whether `torch.compile` is among the peers of training: it compiles for minutes.
    pub fn compiles(&self) -> bool {
        !self.quick && self.wants(Row::TrainB32)
    }

    /// Turns of warm runs in the browser, on the CPU and on WebGPU.
    pub fn browser_rounds(&self) -> [u32; 2] {
        let [cpu, webgpu] = if self.quick { [5, 4] } else { [20, 10] };
        let cpu = self.rounds.unwrap_or(cpu);
        [cpu, self.webgpu_rounds.or(self.rounds).unwrap_or(webgpu)]
    }

    /// Cold starts in the browser, on the CPU and on WebGPU.
    pub fn cold_starts(&self) -> [u32; 2] {
        if self.quick { [3, 2] } else { [7, 5] }
    }

    /// Turns of the native programs.
    pub fn native_rounds(&self) -> u32 {
        self.browser_rounds()[0].div_ceil(4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options {
            part: None,
            only: Vec::new(),
            networks: None,
            quick: false,
            record: false,
            json: None,
            rounds: None,
            webgpu_rounds: None,
            engines: None,
            gpu: Gpu::Software,
            speed: Speed::Release,
        }
    }

    #[test]
    fn rows_are_measured_with_their_part_or_by_name() {
        assert!(
            Row::value_variants()
                .iter()
                .all(|row| options().wants(*row))
        );
        let native = Options {
            part: Some(BenchPart::Native),
            ..options()
        };
        assert!(native.wants(Row::Native2t) && !native.wants(Row::CpuWarm));
        let one = Options {
            only: vec![Row::CpuFirst],
            ..options()
        };
        assert!(one.wants_part(BenchPart::Browser) && !one.wants_part(BenchPart::Train));
        assert!(!one.whole() && options().whole());
        let networks = Options {
            networks: Some(vec!["vgg11".to_owned()]),
            ..options()
        };
        assert!(!networks.wants(Row::TrainB32));
    }
}

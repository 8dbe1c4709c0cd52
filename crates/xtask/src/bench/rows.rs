//! The rows of the summary: each is the ratio of our time to that of the best peer of the same run.

use clap::ValueEnum;

/// A part of the bench that can be run by itself.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BenchPart {
    /// The page beside LiteRT.js, TensorFlow.js and onnxruntime-web, in Chromium.
    Browser,
    /// Forward and backward, beside PyTorch on the CPU.
    Train,
    /// One image at a time, beside OpenVINO, LiteRT, onnxruntime and PyTorch on the CPU.
    Native,
}

/// A row of the summary.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
pub enum Row {
    /// In the browser on the CPU, warm, one thread each.
    #[value(name = "cpu_warm")]
    CpuWarm,
    /// The same on a page that is cross-origin isolated, peers with all threads.
    #[value(name = "cpu_threads_warm")]
    CpuThreadsWarm,
    /// From a cold page to the first result on the CPU, over a loopback address.
    #[value(name = "cpu_first")]
    CpuFirst,
    /// The same over a line of 20 Mbit/s.
    #[value(name = "cpu_first_20mbit")]
    CpuFirst20Mbit,
    /// In the browser on WebGPU, warm.
    #[value(name = "webgpu_warm")]
    WebgpuWarm,
    /// From a cold page to the first result on WebGPU.
    #[value(name = "webgpu_first")]
    WebgpuFirst,
    /// A folder of 200 radiographs: a pool of workers, over one worker.
    #[value(name = "folder_pool")]
    FolderPool,
    /// The native command, one image, one thread.
    #[value(name = "native_1t")]
    Native1t,
    /// The same with two threads.
    #[value(name = "native_2t")]
    Native2t,
    /// Forward and backward of 32 images, all threads.
    #[value(name = "train_b32")]
    TrainB32,
}

impl Row {
    /// The part that measures it.
    pub fn part(self) -> BenchPart {
        match self {
            Self::Native1t | Self::Native2t => BenchPart::Native,
            Self::TrainB32 => BenchPart::Train,
            _ => BenchPart::Browser,
        }
    }

    /// Its name in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::CpuWarm => "cpu_warm",
            Self::CpuThreadsWarm => "cpu_threads_warm",
            Self::CpuFirst => "cpu_first",
            Self::CpuFirst20Mbit => "cpu_first_20mbit",
            Self::WebgpuWarm => "webgpu_warm",
            Self::WebgpuFirst => "webgpu_first",
            Self::FolderPool => "folder_pool",
            Self::Native1t => "native_1t",
            Self::Native2t => "native_2t",
            Self::TrainB32 => "train_b32",
        }
    }

    /// What the summary calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::CpuWarm => "browser, CPU, one thread, warm",
            Self::CpuThreadsWarm => "browser, CPU, all threads, warm",
            Self::CpuFirst => "browser, CPU, first result",
            Self::CpuFirst20Mbit => "browser, CPU, first, 20 Mbit/s",
            Self::WebgpuWarm => "browser, WebGPU, warm",
            Self::WebgpuFirst => "browser, WebGPU, first result",
            Self::FolderPool => "browser, folder, pool of workers",
            Self::Native1t => "native, one image, one thread",
            Self::Native2t => "native, one image, two threads",
            Self::TrainB32 => "training, batch 32",
        }
    }

    /// The ratio that must not be exceeded, and the one that we aim for.
    pub fn goals(self) -> (f64, f64) {
        match self {
            Self::CpuWarm => (0.95, 0.75),
            Self::CpuThreadsWarm => (1.0, 0.85),
            Self::CpuFirst => (0.85, 0.6),
            Self::CpuFirst20Mbit => (0.85, 0.7),
            Self::WebgpuWarm => (0.85, 0.5),
            Self::WebgpuFirst => (0.8, 0.5),
            Self::FolderPool => (0.6, 0.52),
            Self::Native1t | Self::Native2t => (1.0, 0.85),
            Self::TrainB32 => (0.9, 0.7),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_and_json_use_the_same_names() {
        for row in Row::value_variants() {
            let value = row.to_possible_value();
            assert_eq!(
                value.as_ref().map(|value| value.get_name()),
                Some(row.name())
            );
            let (must, aim) = row.goals();
            assert!(aim < must, "{row:?}");
        }
    }
}

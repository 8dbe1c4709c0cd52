//! Where a training runs: the CPU, or a GPU through burn's wgpu backend.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

/// What a training runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrainingDevice {
    /// The CPU, with the kernels of `lung-kernels`.
    #[default]
    Cpu,
    /// A GPU, with burn's operators: Vulkan, Metal or DirectX.
    Gpu,
}

/// Why a training cannot run where it is asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// A command that was built without the feature `gpu`.
    #[error(
        "this `lung` was built without GPU support; build it with `cargo build --release --bin lung --features lung-train/gpu`, \
         or train with --device cpu"
    )]
    NotBuilt,
    /// No graphics adapter, or one that refuses.
    #[error(
        "no GPU can be used: {0}. Install its driver (in software: Debian's mesa-vulkan-drivers), or train with --device cpu"
    )]
    NoAdapter(String),
    /// A name that is no device's.
    #[error("there is no device `{0}`; choose cpu or gpu")]
    Unknown(String),
}

impl TrainingDevice {
    /// Its burn device, without autodiff.
    ///
    /// # Errors
    /// A GPU that this build or this machine has not.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            Self::Gpu => gpu(),
        }
    }
}

#[cfg(feature = "gpu")]
fn gpu() -> Result<Device, DeviceError> {
    use std::sync::OnceLock;
    // burn takes hold of an adapter once a process.
    static GPU: OnceLock<Result<Device, DeviceError>> = OnceLock::new();
    GPU.get_or_init(|| {
        let options = Device::wgpu_options();
        (options.init()).map_err(|error| DeviceError::NoAdapter(error.to_string()))
    })
    .clone()
}

#[cfg(not(feature = "gpu"))]
fn gpu() -> Result<Device, DeviceError> {
    Err(DeviceError::NotBuilt)
}

impl FromStr for TrainingDevice {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, DeviceError> {
        match name {
            "cpu" => Ok(Self::Cpu),
            "gpu" => Ok(Self::Gpu),
            _ => Err(DeviceError::Unknown(name.to_owned())),
        }
    }
}

impl fmt::Display for TrainingDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for device in [TrainingDevice::Cpu, TrainingDevice::Gpu] {
            assert_eq!(device.to_string().parse(), Ok(device));
        }
        let error = "tpu".parse::<TrainingDevice>().unwrap_err().to_string();
        assert!(error.contains("`tpu`"), "{error}");
    }

    #[test]
    fn the_error_says_how_to_build_gpu_support() {
        let error = DeviceError::NotBuilt.to_string();
        assert!(error.contains("--features lung-train/gpu"), "{error}");
    }
}

//! Why a radiograph got no report.

use crate::bundle::BundleError;

/// Why a radiograph got no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClassifyError {
    /// The weights could not be put on the device.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The device did not give its result back: lost, out of memory, or reset.
    #[error("The device stopped answering: {detail}.")]
    Device {
        /// What the device said.
        detail: String,
    },
    /// The bundle has no operating point of that name.
    #[error(
        "This model has no operating point `{wanted}`; it has {}.",
        names.join(", ")
    )]
    OperatingPoint {
        /// The name that was asked for.
        wanted: String,
        /// The names that there are.
        names: Vec<String>,
    },
    /// The device gave numbers that are none.
    #[error("The device computed values that are not finite numbers.")]
    NotFinite,
}

impl ClassifyError {
    /// A short name for programs, in kebab-case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Bundle(error) => error.code(),
            Self::OperatingPoint { .. } => "operating-point-unknown",
            Self::Device { .. } | Self::NotFinite => "device-lost",
        }
    }

    /// One sentence of what to do.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Bundle(error) => error.advice(),
            Self::OperatingPoint { .. } => {
                "Ask for one of those, or for none: then it is the default."
            }
            Self::Device { .. } | Self::NotFinite => "Try again, or run on the CPU.",
        }
    }
}

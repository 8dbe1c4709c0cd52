//! How long a build may take, and how small it is then.

/// How the wasm crate is compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// Small and fast to run: what is published.
    Release,
    /// Fast to build: for development and tests.
    Fast,
}

impl Speed {
    /// What `--fast` asks for, or its absence.
    pub fn of(fast: bool) -> Self {
        if fast { Self::Fast } else { Self::Release }
    }

    /// The name in `Cargo.toml` of how the wasm crate is compiled.
    pub fn profile(self) -> &'static str {
        match self {
            Self::Release => "wasm-release",
            Self::Fast => "wasm-dev",
        }
    }
}

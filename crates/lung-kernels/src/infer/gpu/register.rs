//! The operations of CubeCL's language, which register themselves before a program starts.

/// Lets the operations that kernels are written in register themselves, where nothing else does: in WebAssembly. The first call does it.
///
/// A linker that sees nobody run a module's constructors lets each of its exported functions run them, on every call. See the documentation of [`inventory`](https://docs.rs/inventory).
///
/// Whoever makes a device of burn's before any tensor of this module should call it before that.
pub fn register_operations() {
    #[cfg(target_family = "wasm")]
    constructors::run();
}

#[cfg(target_family = "wasm")]
mod constructors {
    use std::sync::Once;

    static ONCE: Once = Once::new();

    #[allow(unsafe_code)]
    unsafe extern "C" {
        fn __wasm_call_ctors();
    }

    #[allow(unsafe_code)]
    pub(super) fn run() {
        // SAFETY: the linker makes it of the constructors of all crates, which take nothing and are to run once before they are needed.
        ONCE.call_once(|| unsafe { __wasm_call_ctors() });
    }
}

//! A compiler for the browser, and wasm-bindgen.

use super::cargo::{cargo_install, finish_install};
use super::project::{Project, first_number};
use super::system::{apt_install, has_apt, missing_debian_packages};
use crate::process::{output, run, say, step};
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use std::process::Command;

/// What the wasm crate is compiled for.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";
/// What Debian calls a current Rust with the source of its library, and the linker for wasm.
const DEBIAN_RUST: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld"];

/// A compiler that can build for the browser.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WasmRust {
    /// The Rust that runs us, with the wasm target installed.
    Ordinary,
    /// Debian's Rust, which comes with the source of the standard library instead of the compiled target.
    Debian,
}

impl WasmRust {
    /// `program`, set up so that any cargo it starts builds for the browser with this compiler.
    pub fn command(self, project: &Project, program: &str) -> Command {
        let mut command = project.command(program);
        // Two compilers must not share a folder, and neither needs anything of the native builds.
        command.env("CARGO_TARGET_DIR", project.root().join("target/wasm"));
        if self == Self::Debian {
            command
                .env("PATH", project.path(Some(&project.tools().join("debian"))))
                .env("RUSTC", "/usr/bin/rustc")
                .env("RUSTDOC", "/usr/bin/rustdoc")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld")
                .env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort")
                // Building the library along is the one thing here that a stable compiler wants to be talked into.
                .env("RUSTC_BOOTSTRAP", "1")
                .env_remove("RUSTUP_TOOLCHAIN");
        }
        command
    }
}

/// Makes sure that there is a compiler for the browser: through rustup, or else from Debian's packages.
pub fn wasm_rust(project: &Project) -> Result<WasmRust> {
    if has_wasm_target(project) {
        return Ok(WasmRust::Ordinary);
    }
    // Once the fallback has been set up there is no need to try the ordinary way each time.
    let debian = project.tools().join("debian");
    if debian.join("cargo").exists() && missing_debian_packages(&DEBIAN_RUST).is_empty() {
        step("compiling for the browser with Debian's Rust (target/tools/debian)");
        return Ok(WasmRust::Debian);
    }

    step(format!("adding the Rust target {WASM_TARGET}"));
    let rustup = run(
        project
            .command("rustup")
            .args(["target", "add", WASM_TARGET]),
        "Is there a network, and was Rust installed with rustup?",
    );
    match rustup {
        Ok(()) if has_wasm_target(project) => return Ok(WasmRust::Ordinary),
        Ok(()) => say("    rustup added it to another toolchain than the one in use"),
        Err(error) => say(format!("    {error:#}")),
    }

    let advice =
        format!("Install Rust from https://rustup.rs and run `rustup target add {WASM_TARGET}`.");
    if !has_apt() {
        bail!("there is no {WASM_TARGET} target for the Rust in use. {advice}");
    }
    step("falling back to Debian's Rust, which can build the target's library from source");
    apt_install(project, &DEBIAN_RUST)?;
    let version = output(
        project
            .command("/usr/bin/rustc")
            .env_remove("RUSTUP_TOOLCHAIN")
            .arg("--version"),
    )
    .with_context(|| format!("Debian's rustc does not run. {advice}"))?;
    ensure!(
        minor_version(&version) >= minor_version(env!("CARGO_PKG_RUST_VERSION")),
        "Debian's {version} is older than the {} that is needed. {advice}",
        env!("CARGO_PKG_RUST_VERSION"),
    );
    // A folder of its own on the PATH: /usr/bin in front would bring an older Node with it on some machines.
    std::fs::create_dir_all(&debian)
        .with_context(|| format!("{} cannot be made", debian.display()))?;
    for program in ["rustc", "rustdoc", "cargo"] {
        link(&Path::new("/usr/bin").join(program), &debian.join(program))?;
    }
    Ok(WasmRust::Debian)
}

/// The `95` of `rustc 1.95.0 (...)`.
fn minor_version(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("1.")?;
    first_number(rest)
}

#[cfg(unix)]
fn link(from: &Path, to: &Path) -> Result<()> {
    if to.is_symlink() {
        std::fs::remove_file(to).with_context(|| format!("{} cannot be replaced", to.display()))?;
    }
    std::os::unix::fs::symlink(from, to).with_context(|| format!("{} cannot be made", to.display()))
}

#[cfg(not(unix))]
fn link(_: &Path, to: &Path) -> Result<()> {
    bail!(
        "{} would have to be a symbolic link; Debian's packages are for Debian",
        to.display()
    )
}

fn has_wasm_target(project: &Project) -> bool {
    has_target(project, WASM_TARGET)
}

fn has_target(project: &Project, target: &str) -> bool {
    output(project.command("rustc").args(["--print", "sysroot"])).is_some_and(|sysroot| {
        Path::new(&sysroot)
            .join("lib/rustlib")
            .join(target)
            .join("lib")
            .is_dir()
    })
}

/// Makes sure that wasm-bindgen is there, at exactly the version of the library we link.
pub fn wasm_bindgen(project: &Project) -> Result<()> {
    bindgen(project, &["wasm-bindgen"])
}

/// The same with the runner of the wasm crate's tests.
pub fn wasm_bindgen_and_tests(project: &Project) -> Result<()> {
    bindgen(project, &["wasm-bindgen", "wasm-bindgen-test-runner"])
}

/// The version of wasm-bindgen that the library we link has.
pub fn wasm_bindgen_version(project: &Project) -> Result<String> {
    project.locked_version("wasm-bindgen")
}

fn bindgen(project: &Project, programs: &[&str]) -> Result<()> {
    let wanted = wasm_bindgen_version(project)?;
    let found = |program: &&str| {
        output(project.command(program).arg("--version"))
            .and_then(|text| text.split(' ').nth(1).map(str::to_owned))
            == Some(wanted.clone())
    };
    if programs.iter().all(found) {
        return Ok(());
    }
    step(format!(
        "installing wasm-bindgen {wanted} into target/tools (about a minute, once)"
    ));
    // Without `--locked`: the lock file it was published with names a crate version that cannot be had. Without what it reaches
    // browsers of other machines with, which is half of what it depends on.
    let mut install = cargo_install(project, &format!("wasm-bindgen-cli@{wanted}"));
    install.args(["--no-default-features", "--force"]);
    for program in programs {
        install.args(["--bin", program]);
    }
    // Light optimisation halves the time that compiling it takes, and costs a second or two a run.
    install
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "64");
    finish_install(project, &mut install)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::net::TcpListener;
    use std::process::{Output, Stdio};

    #[test]
    fn the_version_of_a_compiler_is_found_in_what_it_prints() {
        assert_eq!(
            minor_version("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"),
            Some(96)
        );
        assert_eq!(minor_version("1.95"), Some(95));
    }

    /// Runs cargo as somebody types it, where nothing can be fetched, in a small package beside this `rust-toolchain.toml`. `None`
    /// where cargo is not rustup's, which then asks for no toolchain file.
    fn cargo_out_of_reach(name: &str, toolchain: &str) -> Result<Option<Output>> {
        // rustup tells whom it starts which toolchain it has chosen.
        if std::env::var_os("RUSTUP_TOOLCHAIN").is_none() {
            eprintln!("not tested: this cargo is not rustup's");
            return Ok(None);
        }
        let folder = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        fs::create_dir_all(folder.join("src"))?;
        fs::write(folder.join("rust-toolchain.toml"), toolchain)?;
        let manifest = "[package]\nname = \"small\"\nedition = \"2024\"\n[workspace]\n";
        fs::write(folder.join("Cargo.toml"), manifest)?;
        fs::write(folder.join("src/lib.rs"), "")?;
        // A port that was free a moment ago: whoever calls there is refused at once.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let nobody = format!("http://127.0.0.1:{port}");
        let project = Project::find(false)?;
        let mut cargo = project.command("cargo");
        cargo.args(["check", "--quiet"]).current_dir(&folder);
        cargo.env("CARGO_HOME", folder.join("home"));
        cargo.env("CARGO_TARGET_DIR", folder.join("target"));
        cargo
            .env("RUSTUP_DIST_SERVER", &nobody)
            .env("NO_PROXY", "*");
        for told in ["RUSTUP_TOOLCHAIN", "RUSTUP_AUTO_INSTALL"] {
            cargo.env_remove(told);
        }
        let ended = cargo.stdin(Stdio::null()).output()?;
        fs::remove_dir_all(folder)?;
        Ok(Some(ended))
    }

    const TOOLCHAIN: &str = include_str!("../../../../rust-toolchain.toml");

    #[test]
    fn plain_cargo_works_where_the_wasm_target_cannot_be_fetched() -> Result<()> {
        let file: toml::Table = TOOLCHAIN.parse()?;
        let channel = file["toolchain"]["channel"].as_str();
        let wanted = format!("{}.0", env!("CARGO_PKG_RUST_VERSION"));
        assert_eq!(channel, Some(wanted.as_str()));
        if let Some(ended) = cargo_out_of_reach("reach", TOOLCHAIN)? {
            assert!(ended.status.success(), "{ended:?}");
        }
        Ok(())
    }

    /// Why `rust-toolchain.toml` names no target. Where this fails, rustup has changed: name the wasm target there.
    #[test]
    fn a_target_in_the_toolchain_file_would_stop_plain_cargo_where_it_cannot_be_fetched()
    -> Result<()> {
        let project = Project::find(false)?;
        // One that is not installed; hardly anybody has the second.
        let missing = [WASM_TARGET, "sparcv9-sun-solaris"];
        let Some(target) = missing.iter().find(|name| !has_target(&project, name)) else {
            eprintln!("not tested: {missing:?} are all installed");
            return Ok(());
        };
        let toolchain = format!("{TOOLCHAIN}targets = [\"{target}\"]\n");
        if let Some(ended) = cargo_out_of_reach("refused", &toolchain)? {
            let said = String::from_utf8_lossy(&ended.stderr);
            assert!(!ended.status.success(), "rustup does without {target} now");
            assert!(said.contains("download"), "{said}");
        }
        Ok(())
    }
}

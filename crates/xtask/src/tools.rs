//! Finding the tools that a build needs, and installing the ones that are missing.

use crate::process::{output, run, step};
use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the wasm crate is compiled for.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";
/// The version of cargo-deny that is installed where there is none.
const CARGO_DENY_VERSION: &str = "0.20.2";
/// The version of cargo-fuzz that is installed where there is none.
const CARGO_FUZZ_VERSION: &str = "0.13.2";
/// The last trunk that builds with the Rust version of this workspace.
const TRUNK_VERSION: &str = "0.21.14";
/// The npm package that has wasm-opt, and its version.
const BINARYEN: &str = "binaryen@132.0.0";
/// What merges scripts.
const ROLLUP_VERSION: &str = "4.68.8";
/// The oldest wasm-opt found on the PATH that is trusted with what current compilers write.
const OLDEST_WASM_OPT: u32 = 120;
/// The oldest Node whose test runner and `fetch` the tests rely on.
const OLDEST_NODE: u32 = 20;
/// What Debian calls a current Rust with the source of its library, and the linker for wasm.
const DEBIAN_RUST: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld"];

/// The checkout we work on.
pub struct Project {
    root: PathBuf,
}

impl Project {
    /// The checkout that this program was built from.
    pub fn find() -> Result<Self> {
        // Cargo sets the variable when it runs us; without it (the binary run directly), look upwards from here.
        let start = match std::env::var_os("CARGO_MANIFEST_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => std::env::current_dir().context("the current folder cannot be told")?,
        };
        let root = start
            .ancestors()
            .find(|folder| {
                folder.join("Trunk.toml").is_file() && folder.join("Cargo.lock").is_file()
            })
            .with_context(|| {
                format!(
                    "{} is not inside the project; run `cargo xtask` there",
                    start.display()
                )
            })?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// The top folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where tools are installed, so that nothing outside the project changes.
    fn tools(&self) -> PathBuf {
        self.root.join("target/tools")
    }

    /// `program`, to be run in the top folder with our tools found first.
    pub fn command(&self, program: &str) -> Command {
        // On Windows npm is a batch file, which is found by its full name only.
        let program = if cfg!(windows) && program == "npm" {
            "npm.cmd"
        } else {
            program
        };
        let mut command = Command::new(program);
        command.current_dir(&self.root).env("PATH", self.path(None));
        // What `cargo run` told us about ourselves is not true of the commands we start; build scripts would notice.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let ours = [
                "CARGO_PKG_",
                "CARGO_MANIFEST_",
                "CARGO_BIN_",
                "CARGO_CRATE_",
                "CARGO_PRIMARY_",
            ];
            if text == "CARGO" || ours.iter().any(|prefix| text.starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        command
    }

    /// The PATH with `first` and our tools in front.
    fn path(&self, first: Option<&Path>) -> OsString {
        let own = [
            self.tools().join("bin"),
            self.tools().join("npm/node_modules/.bin"),
        ];
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let folders = first
            .map(Path::to_owned)
            .into_iter()
            .chain(own)
            .chain(std::env::split_paths(&inherited));
        // Joining fails only for a folder with the separator in its name, which the PATH could not have named.
        std::env::join_paths(folders).unwrap_or(inherited)
    }

    /// The version of `package` in Cargo.lock.
    fn locked_version(&self, package: &str) -> Result<String> {
        let lock = std::fs::read_to_string(self.root.join("Cargo.lock"))
            .context("Cargo.lock cannot be read")?;
        locked_version(&lock, package).with_context(|| format!("Cargo.lock names no {package}"))
    }
}

/// The version of `package` in the text of a Cargo.lock; of several, the first.
fn locked_version(lock: &str, package: &str) -> Option<String> {
    let lock: toml::Table = lock.parse().ok()?;
    let entry = lock
        .get("package")?
        .as_array()?
        .iter()
        .find(|entry| entry.get("name").and_then(toml::Value::as_str) == Some(package))?;
    Some(entry.get("version")?.as_str()?.to_owned())
}

/// The first number in `text`: the major version in `v20.1.0` or `wasm-opt version 132 (version_132)`.
fn first_number(text: &str) -> Option<u32> {
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    digits.get(..end)?.parse().ok()
}

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
        command.env("CARGO_TARGET_DIR", project.root.join("target/wasm"));
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
        Ok(()) => println!("    rustup added it to another toolchain than the one in use"),
        Err(error) => println!("    {error:#}"),
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
    output(project.command("rustc").args(["--print", "sysroot"])).is_some_and(|sysroot| {
        Path::new(&sysroot)
            .join("lib/rustlib")
            .join(WASM_TARGET)
            .join("lib")
            .is_dir()
    })
}

/// Makes sure that wasm-bindgen (and its test runner) is there, at exactly the version of the library we link.
pub fn wasm_bindgen(project: &Project) -> Result<()> {
    let wanted = project.locked_version("wasm-bindgen")?;
    let found = |program: &str| {
        output(project.command(program).arg("--version"))
            .and_then(|text| text.split(' ').nth(1).map(str::to_owned))
            == Some(wanted.clone())
    };
    if found("wasm-bindgen") && found("wasm-bindgen-test-runner") {
        return Ok(());
    }
    step(format!(
        "installing wasm-bindgen {wanted} into target/tools (1 to 3 minutes, once)"
    ));
    // Without `--locked`: the lock file it was published with names a crate version that cannot be had.
    // Light optimisation halves the time that compiling it takes, and costs a second or two a run.
    let mut install = cargo_install(project, &format!("wasm-bindgen-cli@{wanted}"));
    install.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
    finish_install(project, &mut install)
}

/// Makes sure that trunk is there.
pub fn trunk(project: &Project) -> Result<()> {
    let version = output(project.command("trunk").arg("--version"));
    if version.is_some_and(|text| text.starts_with("trunk 0.21.")) {
        return Ok(());
    }
    step(format!(
        "installing trunk {TRUNK_VERSION} into target/tools (about 3 minutes, once)"
    ));
    // We use it to build local files: what it downloads and serves with is left out, and it need not be fast.
    let mut install = cargo_install(project, &format!("trunk@{TRUNK_VERSION}"));
    install.arg("--no-default-features");
    not_optimised(&mut install);
    finish_install(project, &mut install)
}

/// Makes sure that there is a C++ compiler, for libFuzzer; where none can be installed, the build says that it is missing.
pub fn cpp_compiler(project: &Project) -> Result<()> {
    let found = output(Command::new("c++").arg("--version")).is_some();
    if !found && has_apt() {
        step("installing a C++ compiler, for the fuzzer");
        apt_install(project, &["g++"])?;
    }
    Ok(())
}

/// Makes sure that cargo-fuzz is there.
pub fn cargo_fuzz(project: &Project) -> Result<()> {
    subcommand(project, "fuzz", CARGO_FUZZ_VERSION)
}

/// Makes sure that cargo-deny is there.
pub fn cargo_deny(project: &Project) -> Result<()> {
    subcommand(project, "deny", CARGO_DENY_VERSION)
}

/// Makes sure that `cargo NAME` is there, in this version but for its last number.
fn subcommand(project: &Project, name: &str, version: &str) -> Result<()> {
    let found = output(project.command("cargo").args([name, "--version"]));
    let series = version
        .rsplit_once('.')
        .map_or(version, |(series, _)| series);
    if found.is_some_and(|text| text.starts_with(&format!("cargo-{name} {series}."))) {
        return Ok(());
    }
    step(format!(
        "installing cargo-{name} {version} into target/tools (1 to 2 minutes, once)"
    ));
    let mut install = cargo_install(project, &format!("cargo-{name}@{version}"));
    not_optimised(&mut install);
    finish_install(project, &mut install)
}

/// For what need not be fast: compiled as published, in half the time.
fn not_optimised(install: &mut Command) {
    install
        .args(["--locked", "--debug"])
        .env("CARGO_PROFILE_DEV_DEBUG", "false");
}

fn cargo_install(project: &Project, package: &str) -> Command {
    let mut command = project.command("cargo");
    let tools = project.tools();
    command
        .arg("install")
        .arg("--root")
        .arg(&tools)
        .arg("--target-dir")
        .arg(tools.join("build"))
        .arg(package);
    command
}

fn finish_install(project: &Project, install: &mut Command) -> Result<()> {
    run(
        install,
        "Check that crates.io can be reached and that a C compiler is installed, then try again; \
         what was compiled so far is kept.",
    )?;
    // Half a gigabyte that is of no more use. If it cannot be removed it is only in the way.
    let _ = std::fs::remove_dir_all(project.tools().join("build"));
    Ok(())
}

/// Makes sure that wasm-opt is there.
pub fn wasm_opt(project: &Project) -> Result<()> {
    let version = output(project.command("wasm-opt").arg("--version"));
    if version.as_deref().and_then(first_number) >= Some(OLDEST_WASM_OPT) {
        return Ok(());
    }
    step(format!(
        "installing wasm-opt ({BINARYEN}) into target/tools"
    ));
    npm_install(project, "npm", BINARYEN).map(|_| ())
}

/// Makes sure that rollup is there, and returns the folder whose `node_modules` has it.
pub fn rollup(project: &Project) -> Result<PathBuf> {
    let folder = project.tools().join("rollup");
    let installed = std::fs::read(folder.join("node_modules/rollup/package.json"))
        .ok()
        .and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
    if installed.is_some_and(|about| about["version"] == ROLLUP_VERSION) {
        return Ok(folder);
    }
    step(format!(
        "installing rollup {ROLLUP_VERSION} into target/tools"
    ));
    npm_install(project, "rollup", &format!("rollup@{ROLLUP_VERSION}"))
}

/// Installs an npm package in a folder of target/tools, which is returned. npm removes from there whatever else it finds.
fn npm_install(project: &Project, folder: &str, package: &str) -> Result<PathBuf> {
    let folder = project.tools().join(folder);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("{} cannot be made", folder.display()))?;
    run(
        project
            .command("npm")
            .args([
                "install",
                "--no-save",
                "--no-audit",
                "--no-fund",
                "--prefix",
            ])
            .arg(&folder)
            .arg(package),
        "Check that the npm registry can be reached, then try again.",
    )?;
    Ok(folder)
}

/// Makes sure that Node is there and recent enough.
pub fn node(project: &Project) -> Result<()> {
    let advice = format!("Install Node {OLDEST_NODE} or later from https://nodejs.org.");
    let version = output(project.command("node").arg("--version"))
        .with_context(|| format!("there is no `node`. {advice}"))?;
    ensure!(
        first_number(&version) >= Some(OLDEST_NODE),
        "Node {version} is too old. {advice}"
    );
    output(project.command("npm").arg("--version"))
        .with_context(|| format!("there is no `npm`. {advice}"))?;
    Ok(())
}

/// Installs the packages of `folder` exactly as its lock file has them, unless that has been done.
pub fn npm_ci(project: &Project, folder: &Path) -> Result<()> {
    // npm leaves a copy of what it installed; as long as that is younger than the lock file nothing has to be done.
    let changed =
        |file: &str| std::fs::metadata(folder.join(file)).and_then(|about| about.modified());
    if let (Ok(wanted), Ok(installed)) = (
        changed("package-lock.json"),
        changed("node_modules/.package-lock.json"),
    ) && installed >= wanted
    {
        return Ok(());
    }
    step(format!("installing the packages in {}", folder.display()));
    run(
        project
            .command("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(folder),
        "Check that the npm registry can be reached, then try again.",
    )
}

/// Packages of Python that something needs.
pub struct PythonPackages<'a> {
    /// The file that lists them.
    pub requirements: &'a Path,
    /// What has to be importable, separated by commas.
    pub modules: &'a str,
    /// Folder in target/tools that they are installed in, where the machine's own Python lacks any.
    pub folder: &'a str,
    /// How to announce that.
    pub announcement: &'a str,
}

/// The path of a Python that has `packages`: the machine's own if it has them, else one in target/tools, where they are
/// installed.
pub fn python(project: &Project, packages: &PythonPackages<'_>) -> Result<PathBuf> {
    let folder = project.tools().join(packages.folder);
    let own = match cfg!(windows) {
        true => folder.join("Scripts/python.exe"),
        false => folder.join("bin/python"),
    };
    let check = format!(
        "import {}, sys; assert sys.version_info >= (3, 10)",
        packages.modules
    );
    let usable = |python: &Path| output(Command::new(python).args(["-c", &check])).is_some();
    for python in [own.as_path(), Path::new("python3"), Path::new("python")] {
        if usable(python) {
            return Ok(python.to_owned());
        }
    }
    step(packages.announcement);
    let advice =
        "Install Python 3.10 or later with its venv module, and check that PyPI can be reached.";
    // Debian has venv in a package of its own.
    let venv = output(Command::new("python3").args(["-c", "import ensurepip, venv"]));
    if venv.is_none() && has_apt() {
        apt_install(project, &["python3", "python3-venv"])?;
    }
    run(
        project.command("python3").args(["-m", "venv"]).arg(&folder),
        advice,
    )?;
    run(
        Command::new(&own)
            .args(["-m", "pip", "install", "--quiet", "--requirement"])
            .arg(packages.requirements),
        advice,
    )?;
    ensure!(
        usable(&own),
        "{} cannot load what was installed. {advice}",
        own.display()
    );
    Ok(own)
}

/// Makes sure that there is something for the GPU's kernels to run on natively: a Vulkan driver, if only one in software. Where
/// drivers are part of the system, there is nothing to do.
pub fn vulkan(project: &Project) -> Result<()> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let drivers = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];
    let found = drivers
        .iter()
        .any(|folder| std::fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some()));
    if found {
        return Ok(());
    }
    ensure!(
        has_apt(),
        "there is no Vulkan driver. Install one; Mesa's lavapipe runs without a GPU."
    );
    step("installing Mesa's Vulkan drivers, to test the GPU's kernels on");
    apt_install(project, &["mesa-vulkan-drivers"])
}

/// A browser to test the page in.
struct Browser {
    name: &'static str,
    /// The environment variable that has its path.
    variable: &'static str,
    /// What it may be called on the PATH.
    programs: &'static [&'static str],
    /// Where else it may be.
    applications: &'static [&'static str],
    /// Debian's package.
    package: &'static str,
}

const CHROMIUM: Browser = Browser {
    name: "Chromium or Chrome",
    variable: "CHROME",
    programs: &[
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ],
    applications: &[
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ],
    package: "chromium",
};

const FIREFOX: Browser = Browser {
    name: "Firefox",
    variable: "FIREFOX",
    programs: &["firefox-esr", "firefox"],
    applications: &["/Applications/Firefox.app/Contents/MacOS/firefox"],
    package: "firefox-esr",
};

/// The path of a Chromium (or Chrome): that of the variable CHROME if it is set, else the first one found; installed on Debian
/// when there is none.
pub fn chromium(project: &Project) -> Result<PathBuf> {
    CHROMIUM.path(project)
}

/// The path of a Firefox, in the same way; the variable is FIREFOX.
pub fn firefox(project: &Project) -> Result<PathBuf> {
    FIREFOX.path(project)
}

impl Browser {
    fn path(&self, project: &Project) -> Result<PathBuf> {
        let Self { name, variable, .. } = self;
        if let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()) {
            let path = PathBuf::from(path);
            ensure!(
                path.is_file(),
                "{variable} is {}, which is no file; set it to the path of {name}",
                path.display()
            );
            return Ok(path);
        }
        if let Some(path) = self.find() {
            return Ok(path);
        }
        if has_apt() {
            step(format!("installing {}, to test the page in", self.package));
            apt_install(project, &[self.package])?;
            if let Some(path) = self.find() {
                return Ok(path);
            }
        }
        bail!("{name} was not found. Install it, or set {variable} to its path.")
    }

    fn find(&self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let on_path = self.programs.iter().find_map(|program| {
            std::env::split_paths(&path)
                .map(|folder| folder.join(program))
                .find(|file| file.is_file())
        });
        on_path.or_else(|| {
            self.applications
                .iter()
                .map(PathBuf::from)
                .find(|file| file.is_file())
        })
    }
}

fn has_apt() -> bool {
    Path::new("/etc/debian_version").exists() && Path::new("/usr/bin/apt-get").exists()
}

fn missing_debian_packages<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    let installed = |package: &&&str| {
        output(Command::new("dpkg-query").args([
            "--show",
            "--showformat=${db:Status-Status}",
            package,
        ]))
        .as_deref()
            == Some("installed")
    };
    packages
        .iter()
        .filter(|package| !installed(package))
        .copied()
        .collect()
}

/// Installs what is missing of `packages`, as root.
fn apt_install(project: &Project, packages: &[&str]) -> Result<()> {
    let missing = missing_debian_packages(packages);
    if missing.is_empty() {
        return Ok(());
    }
    let advice = format!(
        "Run `apt-get update && apt-get install {}` as root, then try again.",
        missing.join(" ")
    );
    let root = output(Command::new("id").arg("-u")).as_deref() == Some("0");
    // A password cannot be asked for here; without one, saying what to do is better than hanging.
    let sudo = !root && output(Command::new("sudo").args(["-n", "true"])).is_some();
    ensure!(
        root || sudo,
        "these Debian packages are needed: {}. {advice}",
        missing.join(" ")
    );
    let apt = |arguments: &[&str]| {
        let mut command = project.command(if root { "apt-get" } else { "sudo" });
        if sudo {
            command.args(["-n", "apt-get"]);
        }
        command
            .args(["-qq", "-o", "DPkg::Lock::Timeout=300"])
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        run(&mut command, &advice)
    };
    step(format!("installing Debian packages: {}", missing.join(" ")));
    apt(&["update"])?;
    apt(&[
        &["install", "--yes", "--no-install-recommends"],
        missing.as_slice(),
    ]
    .concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_the_lock_file() {
        let lock = "version = 4\n[[package]]\nname = \"wasm-bindgen-futures\"\nversion = \"0.4.80\"\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(
            locked_version(lock, "wasm-bindgen").as_deref(),
            Some("0.2.130")
        );
        assert_eq!(locked_version(lock, "burn"), None);
        assert_eq!(locked_version("[[", "burn"), None);
    }

    #[test]
    fn the_project_is_found_and_its_wasm_bindgen_is_locked() -> Result<()> {
        let project = Project::find()?;
        assert!(project.root().join("crates/xtask").is_dir());
        assert!(project.locked_version("wasm-bindgen")?.starts_with("0.2."));
        Ok(())
    }

    #[test]
    fn version_numbers_are_found_in_what_tools_print() {
        assert_eq!(first_number("v20.20.2"), Some(20));
        assert_eq!(
            first_number("wasm-opt version 132 (version_132)"),
            Some(132)
        );
        assert_eq!(first_number("none"), None);
        assert_eq!(
            minor_version("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"),
            Some(96)
        );
        assert_eq!(minor_version("1.95"), Some(95));
    }
}

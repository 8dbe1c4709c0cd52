//! What the machine itself must have: browsers, a graphics driver, a C++ compiler. Debian's packages are installed as root, or
//! with `sudo` if that was asked for.

use super::project::Project;
use crate::process::{output, run, step};
use anyhow::{Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// Debian's package of Vulkan drivers, one of which is in software.
const VULKAN_PACKAGE: &str = "mesa-vulkan-drivers";
/// Debian's C++ compiler.
const CPP_PACKAGE: &str = "g++";

/// Installs in one go all Debian packages that the tests will need and that are missing. Elsewhere nothing is done: each step says what
/// it needs.
pub fn for_tests(project: &Project) -> Result<()> {
    if !has_apt() {
        return Ok(());
    }
    let mut packages = Vec::new();
    for browser in [CHROMIUM, FIREFOX] {
        if browser.named().is_none() && browser.find().is_none() {
            packages.push(browser.package);
        }
    }
    if !has_vulkan() {
        packages.push(VULKAN_PACKAGE);
    }
    if !has_cpp() {
        packages.push(CPP_PACKAGE);
    }
    if !has_venv() {
        packages.extend(VENV_PACKAGES);
    }
    apt_install(project, &packages)
}

/// Debian's packages of what virtual environments are made with.
pub const VENV_PACKAGES: [&str; 2] = ["python3", "python3-venv"];

/// Whether virtual environments can be made.
pub fn has_venv() -> bool {
    output(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_some()
}

fn has_cpp() -> bool {
    output(Command::new("c++").arg("--version")).is_some()
}

/// Makes sure that there is a C++ compiler, for libFuzzer; where none can be installed, the build says that it is missing.
pub fn cpp_compiler(project: &Project) -> Result<()> {
    if !has_cpp() && has_apt() {
        step("installing a C++ compiler, for the fuzzer");
        apt_install(project, &[CPP_PACKAGE])?;
    }
    Ok(())
}

/// Makes sure that there is something for the GPU's kernels to run on natively: a Vulkan driver, if only one in software. Where
/// drivers are part of the system, there is nothing to do.
pub fn vulkan(project: &Project) -> Result<()> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    if has_vulkan() {
        return Ok(());
    }
    ensure!(
        has_apt(),
        "there is no Vulkan driver. Install one; Mesa's lavapipe runs without a GPU."
    );
    step("installing Mesa's Vulkan drivers, to test the GPU's kernels on");
    apt_install(project, &[VULKAN_PACKAGE])
}

/// Debian's package of the allocator that PyTorch trains fastest with.
const JEMALLOC_PACKAGE: &str = "libjemalloc2";

/// The path of jemalloc, to be loaded before a program; `None` where it is not there and nobody may install it.
pub fn jemalloc(project: &Project) -> Option<PathBuf> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    if find_jemalloc().is_none() && has_apt() {
        // Whoever times without it is told so.
        let _ = apt_install(project, &[JEMALLOC_PACKAGE]);
    }
    find_jemalloc()
}

fn find_jemalloc() -> Option<PathBuf> {
    let triple = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    [triple.as_str(), "/usr/lib64", "/usr/lib", "/usr/local/lib"]
        .into_iter()
        .map(|folder| Path::new(folder).join("libjemalloc.so.2"))
        .find(|library| library.is_file())
}

fn has_vulkan() -> bool {
    let drivers = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];
    drivers
        .iter()
        .any(|folder| std::fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some()))
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
        if let Some(path) = self.named() {
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

    /// The path that the environment names.
    fn named(&self) -> Option<PathBuf> {
        std::env::var_os(self.variable)
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
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

pub fn has_apt() -> bool {
    Path::new("/etc/debian_version").exists() && Path::new("/usr/bin/apt-get").exists()
}

pub fn missing_debian_packages<'a>(packages: &[&'a str]) -> Vec<&'a str> {
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

/// Two at once would be in each other's way.
static APT: Mutex<()> = Mutex::new(());

/// Who may install Debian packages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Right {
    /// We are root.
    Root,
    /// We were asked to become it.
    Sudo,
    /// Nobody here.
    None,
}

impl Right {
    /// The right of a user with this number, with or without `--install`.
    fn of(user: Option<&str>, install: bool) -> Self {
        match (user, install) {
            (Some("0"), _) => Self::Root,
            (_, true) => Self::Sudo,
            (_, false) => Self::None,
        }
    }
}

/// What somebody is told who may not install these packages here.
fn install_advice(packages: &[&str]) -> String {
    let packages = packages.join(" ");
    format!(
        "Run `apt-get update && apt-get install {packages}` as root, or the same command as now with `--install`, which calls \
         `sudo apt-get`."
    )
}

/// Installs what is missing of `packages`: as root, or with `sudo` if `--install` was given.
pub fn apt_install(project: &Project, packages: &[&str]) -> Result<()> {
    // Whoever had it before has finished, however it ended.
    let _one_at_a_time = APT.lock();
    let missing = missing_debian_packages(packages);
    if missing.is_empty() {
        return Ok(());
    }
    let right = Right::of(
        output(Command::new("id").arg("-u")).as_deref(),
        project.install,
    );
    let advice = install_advice(&missing);
    ensure!(
        right != Right::None,
        "these Debian packages are needed: {}. {advice}",
        missing.join(" ")
    );
    let apt = |arguments: &[&str]| {
        let mut command = match right {
            Right::Sudo => project.command("sudo"),
            Right::Root | Right::None => project.command("apt-get"),
        };
        if right == Right::Sudo {
            // Sudo does not hand on the environment.
            command.args(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
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
    fn system_packages_are_installed_as_root_or_when_that_was_asked_for() {
        for (user, install, right) in [
            (Some("0"), false, Right::Root),
            (Some("0"), true, Right::Root),
            (Some("1000"), false, Right::None),
            (Some("1000"), true, Right::Sudo),
            (None, false, Right::None),
        ] {
            assert_eq!(Right::of(user, install), right, "{user:?} {install}");
        }
    }

    #[test]
    fn who_may_not_install_is_told_what_and_how() {
        let advice = install_advice(&["chromium", "g++"]);
        assert!(advice.contains("apt-get install chromium g++"), "{advice}");
        assert!(advice.contains("--install"), "{advice}");
    }
}

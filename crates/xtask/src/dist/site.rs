//! The page around the builds: the files that `www/index.html` lists for trunk, and that page itself.

use super::runtime::Build;
use super::source::{self, replace_once};
use crate::tools::Project;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};

/// A line of the page that is for whoever builds it.
#[derive(Debug, PartialEq, Eq)]
enum Asset {
    /// A file that goes beside the page.
    File(String),
    /// A folder that goes beside the page.
    Folder(String),
    /// The wasm crate, which is built by itself.
    Crate,
}

/// Puts the page together in `folder`, with such builds as there are. It works with that on the CPU alone, whose place the one with
/// relaxed SIMD is given until it is there itself; the page does not try WebGPU until it is there, and knows that it is not whole.
pub fn assemble(project: &Project, runtimes: &[(Build, PathBuf)], folder: &Path) -> Result<()> {
    remove(folder)?;
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let www = project.root().join("www");
    let source = www.join("index.html");
    let text = fs::read_to_string(&source)
        .with_context(|| format!("{} cannot be read", source.display()))?;
    let (mut page, assets) = take_assets(&text)?;
    for asset in &assets {
        match asset {
            Asset::File(path) => copy(&www.join(path), &folder.join(path))?,
            Asset::Folder(path) => copy_folder(&www.join(path), &folder.join(path))?,
            Asset::Crate => {}
        }
    }
    let find = |build| {
        runtimes
            .iter()
            .find_map(|(one, folder)| (*one == build).then_some(folder))
    };
    for build in Build::ALL {
        let source = find(build).or_else(|| match build {
            Build::Relaxed => find(Build::Cpu),
            Build::Cpu | Build::WebGpu | Build::Readers => None,
        });
        if let Some(source) = source {
            copy_folder(source, &folder.join("runtime").join(build.name()))?;
        }
    }
    page = match Build::ALL.into_iter().all(|build| find(build).is_some()) {
        true => source::offer(project, &page, folder)?,
        false => unfinished(&page, find(Build::WebGpu).is_some())?,
    };
    let index = folder.join("index.html");
    fs::write(&index, page).with_context(|| format!("{} cannot be written", index.display()))
}

/// The page without the lines that are for trunk and the comment above them, and what those say.
fn take_assets(text: &str) -> Result<(String, Vec<Asset>)> {
    let (mut page, mut assets) = (String::new(), Vec::new());
    for line in text.lines() {
        if line.contains("data-trunk") {
            assets.push(asset(line).with_context(|| {
                format!("`{}` in www/index.html is not understood", line.trim())
            })?);
        } else if !line.contains("<!-- What trunk puts") {
            page.push_str(line);
            page.push('\n');
        }
    }
    ensure!(
        assets.contains(&Asset::Crate),
        "www/index.html names no crate for trunk"
    );
    Ok((page, assets))
}

/// What one line for trunk says.
fn asset(line: &str) -> Result<Asset> {
    let path = attribute(line, "href").context("it has no href")?;
    match attribute(line, "rel") {
        Some("copy-file") => Ok(Asset::File(path.to_owned())),
        Some("copy-dir") => Ok(Asset::Folder(path.to_owned())),
        Some("rust") => Ok(Asset::Crate),
        _ => bail!("its rel is neither copy-file, copy-dir nor rust"),
    }
}

/// The value of an attribute in a line with one element.
fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!(" {name}=\""))?;
    Some(rest.split_once('"')?.0)
}

/// The page while not all of its builds are there.
fn unfinished(page: &str, webgpu: bool) -> Result<String> {
    let page = replace_once(page, "<html ", "<html data-unfinished ")?;
    if webgpu {
        return Ok(page);
    }
    let page = replace_once(
        &page,
        "data-device-parameter=",
        "data-device=\"cpu\" data-device-parameter=",
    )?;
    replace_once(
        &page,
        "<lung-xray-classifier ",
        "<lung-xray-classifier device=\"cpu\" ",
    )
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to)
        .map(|_| ())
        .with_context(|| format!("{} cannot be copied to {}", from.display(), to.display()))
}

/// Copies a folder with all that is in it, over what is there.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("{} cannot be made", to.display()))?;
    let entries =
        fs::read_dir(from).with_context(|| format!("{} cannot be read", from.display()))?;
    for entry in entries {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_folder(&from, &to)?;
        } else {
            copy(&from, &to)?;
        }
    }
    Ok(())
}

/// Removes a folder that may not be there.
pub(super) fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("xtask-site-{name}-{}", std::process::id()))
    }

    /// Folders of builds with their names in them.
    fn builds(root: &Path, builds: &[Build]) -> Result<Vec<(Build, PathBuf)>> {
        builds
            .iter()
            .map(|build| {
                let folder = root.join(build.name());
                fs::create_dir_all(&folder)?;
                fs::write(folder.join(build.script()), build.name())?;
                Ok((*build, folder))
            })
            .collect()
    }

    #[test]
    fn every_line_for_trunk_is_understood_and_none_is_left() -> Result<()> {
        let (page, assets) = take_assets(include_str!("../../../../www/index.html"))?;
        assert!(!page.contains("trunk"), "{page}");
        for asset in [
            Asset::File("worker.js".into()),
            Asset::Folder("element".into()),
            Asset::Crate,
        ] {
            assert!(assets.contains(&asset), "{asset:?}");
        }
        assert!(asset(r#"<link data-trunk rel="sass" href="a.scss">"#).is_err());
        assert!(asset(r#"<link data-trunk rel="copy-file">"#).is_err());
        Ok(())
    }

    #[test]
    fn a_page_with_one_build_runs_on_the_cpu_and_says_that_it_is_not_whole() -> Result<()> {
        let (root, project) = (scratch("one"), Project::find(false)?);
        let page = root.join("page");
        assemble(&project, &builds(&root, &[Build::Cpu])?, &page)?;
        let text = fs::read_to_string(page.join("index.html"))?;
        assert!(text.contains("<html data-unfinished "), "{text}");
        assert!(text.contains("<lung-xray-classifier device=\"cpu\" "));
        assert!(text.contains("data-device=\"cpu\""));
        for name in ["cpu", "cpu-relaxed"] {
            let script = fs::read_to_string(page.join("runtime").join(name).join("lung_web.js"))?;
            assert_eq!(script, "cpu", "{name}");
        }
        assert!(!page.join("runtime/webgpu").exists());
        assert!(!page.join("release.json").exists());
        assert!(page.join("element/words/en.js").exists());
        fs::remove_dir_all(root)?;
        Ok(())
    }

    #[test]
    fn a_page_with_every_build_chooses_among_them() -> Result<()> {
        let (root, project) = (scratch("all"), Project::find(false)?);
        let page = root.join("page");
        // Something left from an earlier build is not part of this one.
        fs::create_dir_all(page.join("element"))?;
        fs::write(page.join("element/old.js"), "")?;
        assemble(&project, &builds(&root, &Build::ALL)?, &page)?;
        let text = fs::read_to_string(page.join("index.html"))?;
        assert!(!text.contains("unfinished") && !text.contains("device=\"cpu\""));
        for build in Build::ALL {
            let script = (page.join("runtime").join(build.name())).join(build.script());
            assert_eq!(fs::read_to_string(script)?, build.name());
        }
        assert!(!page.join("element/old.js").exists());
        fs::remove_dir_all(root)?;
        Ok(())
    }

    #[test]
    fn without_relaxed_simd_the_page_uses_webgpu_and_is_not_whole() -> Result<()> {
        let (root, project) = (scratch("two"), Project::find(false)?);
        let page = root.join("page");
        assemble(
            &project,
            &builds(&root, &[Build::WebGpu, Build::Cpu])?,
            &page,
        )?;
        let text = fs::read_to_string(page.join("index.html"))?;
        assert!(text.contains("data-unfinished") && !text.contains("device=\"cpu\""));
        fs::remove_dir_all(root)?;
        Ok(())
    }
}

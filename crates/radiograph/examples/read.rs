//! Reads files and says what became of each, a line of JSON for each; their pictures go into a folder: `read OUT FILE...`.
//!
//! `tests/foreign-files` compares the pictures with what other readers make of the same files.

use std::path::Path;
use std::{env, fs, io};

use radiograph::{Radiograph, phantom};

fn main() -> io::Result<()> {
    let mut arguments = env::args_os().skip(1);
    let out = arguments.next().unwrap_or_else(|| "pictures".into());
    fs::create_dir_all(&out)?;
    for (index, file) in arguments.enumerate() {
        let line = match Radiograph::decode(&fs::read(&file)?) {
            Ok(radiograph) => {
                let picture = radiograph.picture(u32::MAX).map_err(io::Error::other)?;
                let name = format!("{index}.png");
                let bytes = phantom::png16(&picture).map_err(io::Error::other)?;
                fs::write(Path::new(&out).join(&name), bytes)?;
                serde_json::json!({
                    "file": file.to_string_lossy(),
                    "picture": name,
                    "source": radiograph.source(),
                    "cautions": radiograph.cautions(),
                })
            }
            Err(error) => serde_json::json!({
                "file": file.to_string_lossy(),
                "code": error.code(),
                "message": error.to_string(),
            }),
        };
        println!("{line}");
    }
    Ok(())
}

//! What is served, and what is not.

use std::error::Error;

use super::*;
use crate::{ServeError, Served, address, answer_all, listen};

#[test]
fn nothing_outside_the_folder_can_be_named() {
    for target in [
        "/../Cargo.toml",
        "/a/../../b",
        "/%2e%2e/b",
        "/..%2fb",
        "/a%5c..%5cb",
        "/C:/x",
        "/%00",
        "b",
        "",
    ] {
        assert_eq!(relative_path(target), None, "{target}");
    }
    assert_eq!(relative_path("/"), Some(PathBuf::new()));
    assert_eq!(
        relative_path("//./models/a%20b.json?x=/.."),
        Some(PathBuf::from("models/a b.json"))
    );
}

#[test]
fn malformed_escapes_are_refused() {
    for target in ["/%", "/%4", "/%zz", "/%ff"] {
        assert_eq!(relative_path(target), None, "{target}");
    }
}

#[test]
fn modules_and_wasm_have_the_types_browsers_insist_on() {
    assert_eq!(
        media_type(Path::new("a/worker.js")),
        "text/javascript; charset=utf-8"
    );
    assert_eq!(
        media_type(Path::new("lung_web_bg.WASM")),
        "application/wasm"
    );
    assert_eq!(
        media_type(Path::new("m.safetensors")),
        "application/octet-stream"
    );
}

#[test]
fn only_what_has_its_hash_in_its_name_may_be_kept_unasked() {
    for (path, expected) in [
        ("models/mobilenet-lung-aed43497933a.safetensors", true),
        ("models/mobilenet-lung.safetensors", false),
        ("models/mobilenet-lung-aed43497933.safetensors", false),
        ("models/mobilenet-lung-aed43497933a.json", false),
        ("models/index.json", false),
        ("service-worker.js", false),
    ] {
        let immutable = cache_control(Path::new(path)).contains("immutable");
        assert_eq!(immutable, expected, "{path}");
    }
}

#[test]
fn the_page_and_the_documents_say_the_same_of_headers() {
    let page = include_str!("../../../www/index.html");
    assert!(
        page.contains(&format!("content=\"{POLICY}\"")),
        "the policy of www/index.html is not {POLICY}"
    );
    let documents = include_str!("../../../docs/guide/hosting.md");
    let policy = format!("{POLICY}; frame-ancestors 'self'");
    for (name, value) in HEADERS
        .into_iter()
        .chain([("Content-Security-Policy", policy.as_str())])
    {
        for line in [
            format!("add_header {name} \"{value}\" always;"),
            format!("\n  {name}: {value}\n"),
        ] {
            assert!(
                documents.contains(&line),
                "docs/guide/hosting.md has not the line {line}"
            );
        }
    }
}

#[test]
fn files_are_served_and_links_out_of_the_folder_are_not() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().canonicalize()?;
    std::fs::write(root.join("index.html"), "<p>hello")?;
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/hostname", root.join("out"))?;
    let listener = listen(Some(0))?;
    let address = listener.local_addr()?;
    let served = Served::new(&root)?;
    let same = served.clone();
    std::thread::spawn(move || answer_all(&listener, &same));
    let ask = |request: &str| -> Result<String, Box<dyn Error>> {
        let (request, header) = request.split_once('|').unwrap_or((request, "X-None: 1"));
        let mut stream = TcpStream::connect(address)?;
        write!(
            stream,
            "{request} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n"
        )?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    let page = ask("GET /")?;
    assert!(
        page.starts_with("HTTP/1.1 200 ") && page.ends_with("<p>hello"),
        "{page}"
    );
    for (name, value) in HEADERS {
        assert!(page.contains(&format!("\r\n{name}: {value}\r\n")), "{page}");
    }
    assert!(
        page.contains(&format!("\r\nContent-Security-Policy: {POLICY}; ")),
        "{page}"
    );
    assert!(page.contains("\r\nCache-Control: no-cache\r\n"), "{page}");
    assert!(ask("HEAD /index.html")?.ends_with("\r\n\r\n"));
    assert!(ask("GET /missing")?.starts_with("HTTP/1.1 404 "));
    assert!(ask("GET /out")?.starts_with("HTTP/1.1 404 "));
    assert!(ask("GET /../x")?.starts_with("HTTP/1.1 400 "));
    assert!(ask("POST /")?.starts_with("HTTP/1.1 405 "));
    // What a browser has is not sent again.
    let tag = (page
        .split("\r\nETag: ")
        .nth(1)
        .and_then(|rest| rest.split("\r\n").next()))
    .unwrap_or_default();
    let again = ask(&format!("GET /|If-None-Match: {tag}"))?;
    assert!(
        again.starts_with("HTTP/1.1 304 ") && again.ends_with("\r\n\r\n"),
        "{again}"
    );
    assert!(ask("GET /|if-none-match: \"other\"")?.ends_with("<p>hello"));
    // Another folder in its place.
    std::fs::create_dir_all(root.join("next"))?;
    std::fs::write(root.join("next/index.html"), "<p>again")?;
    served.switch(&root.join("next"))?;
    assert!(ask("GET /")?.ends_with("<p>again"));
    assert!(served.switch(&root.join("none")).is_err());
    assert!(ask("GET /")?.ends_with("<p>again"));
    Ok(())
}

#[test]
fn what_cannot_be_served_is_told_by_its_kind() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let none = folder.path().join("none");
    assert!(matches!(Served::new(&none), Err(ServeError::NoFolder(path)) if path == none));
    let file = folder.path().join("file");
    std::fs::write(&file, "")?;
    assert!(matches!(Served::new(&file), Err(ServeError::NoFolder(_))));
    let taken = listen(Some(0))?;
    let port = taken.local_addr()?.port();
    assert_eq!(address(&taken)?, format!("http://127.0.0.1:{port}/"));
    let refused = listen(Some(port));
    assert!(matches!(refused, Err(ServeError::PortInUse(one)) if one == port));
    Ok(())
}

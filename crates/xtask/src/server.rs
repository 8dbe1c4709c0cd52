//! A small static file server for looking at the page on this machine. It listens on the loopback address only.

use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Where the search for a free port begins when none is asked for.
const FIRST_PORT: u16 = 8080;
/// How many ports are tried.
const PORTS: u16 = 32;
/// A request line and headers longer than this are refused.
const MAX_REQUEST: u64 = 16 * 1024;
/// A connection that stays silent for longer than this is closed.
const PATIENCE: Duration = Duration::from_secs(15);

/// What the page may do: the policy that it has in itself, for the worker's script too, and who may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; \
                      connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'";

/// Sent with every file, as `docs/guide/hosting.md` asks of any server.
const HEADERS: [(&str, &str); 6] = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    (
        "Permissions-Policy",
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    // Pages of other origins may embed the element.
    ("Cross-Origin-Resource-Policy", "cross-origin"),
    ("Access-Control-Allow-Origin", "*"),
];

/// The folder that is served, which may become another one meanwhile.
#[derive(Clone)]
pub struct Served(Arc<RwLock<PathBuf>>);

impl Served {
    /// Serves this folder at first.
    pub fn new(folder: &Path) -> Result<Self> {
        Ok(Self(Arc::new(RwLock::new(real(folder)?))))
    }

    /// Serves another folder from the next request on.
    pub fn switch(&self, folder: &Path) -> Result<()> {
        let folder = real(folder)?;
        // Nothing that holds the lock can fail, and if it could the folder would be whole all the same.
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = folder;
        Ok(())
    }

    /// The folder that is served now.
    pub fn folder(&self) -> PathBuf {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The folder without links on the way to it.
fn real(folder: &Path) -> Result<PathBuf> {
    folder
        .canonicalize()
        .with_context(|| format!("there is no {}; build the page first", folder.display()))
}

/// Serves a folder until the process is stopped, after printing the address. Fails if the port is taken.
pub fn serve(folder: &Path, port: Option<u16>) -> Result<()> {
    let served = Served::new(folder)?;
    let listener = listen(port)?;
    println!(
        "==> serving {}; stop with Ctrl-C",
        served.folder().display()
    );
    println!("{}", address(&listener)?);
    answer_all(&listener, &served);
    Ok(())
}

/// Where a browser finds what this listener serves.
pub fn address(listener: &TcpListener) -> Result<String> {
    Ok(format!(
        "http://127.0.0.1:{}/",
        listener.local_addr()?.port()
    ))
}

/// Answers until the process is stopped.
pub fn answer_all(listener: &TcpListener, served: &Served) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let root = served.folder();
        // A browser that goes away while it is being answered is no error of ours.
        std::thread::spawn(move || {
            let _ = answer(&root, stream);
        });
    }
}

/// A listener on `port`, or on the first free one from [`FIRST_PORT`] on.
pub fn listen(port: Option<u16>) -> Result<TcpListener> {
    let candidates = match port {
        Some(port) => port..=port,
        None => FIRST_PORT..=FIRST_PORT + PORTS,
    };
    for candidate in candidates.clone() {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, candidate)) {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("cannot listen on port {candidate}; choose another one with --port")
                });
            }
        }
    }
    match port {
        Some(port) => {
            bail!("port {port} is in use; choose another one with --port, or leave --port out")
        }
        None => bail!(
            "every port from {} to {} is in use; choose another one with --port",
            candidates.start(),
            candidates.end()
        ),
    }
}

/// Reads one request and answers it.
fn answer(root: &Path, mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request = BufReader::new(stream.try_clone()?.take(MAX_REQUEST));
    let mut first = String::new();
    request.read_line(&mut first)?;
    // The headers say nothing we need, but a client that is still writing them may not read the answer.
    let mut header = String::new();
    while request.read_line(&mut header)? > 2 {
        header.clear();
    }

    let mut words = first.split_whitespace();
    let (method, target) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    if method != "GET" && method != "HEAD" {
        return refuse(&mut stream, "405 Method Not Allowed");
    }
    let Some(relative) = relative_path(target) else {
        return refuse(&mut stream, "400 Bad Request");
    };
    let mut path = root.join(relative);
    if path.is_dir() {
        path.push("index.html");
    }
    // `relative_path` has refused "..", so only a link inside the folder can lead outside it.
    let opened = path
        .canonicalize()
        .ok()
        .filter(|real| real.starts_with(root) && real.is_file())
        .and_then(|real| File::open(real).ok());
    let Some(mut file) = opened else {
        return refuse(&mut stream, "404 Not Found");
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: {}\r\n\
         Content-Security-Policy: {POLICY}; frame-ancestors 'self'\r\nConnection: close\r\n",
        media_type(&path),
        file.metadata()?.len(),
        cache_control(&path),
    )?;
    for (name, value) in HEADERS {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "\r\n")?;
    if method == "GET" {
        io::copy(&mut file, &mut stream)?;
    }
    stream.flush()
}

fn refuse(stream: &mut TcpStream, status: &str) -> io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{status}\n",
        status.len() + 1,
    )
}

/// The path below the served folder that a request's target names; `None` if it is malformed or would lead elsewhere.
fn relative_path(target: &str) -> Option<PathBuf> {
    let path = target.split(['?', '#']).next()?.strip_prefix('/')?;
    let decoded = percent_decode(path)?;
    let mut relative = PathBuf::new();
    for part in decoded.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            // On Windows these would start again from a drive or step out of the folder.
            part if part.contains(['\\', ':', '\0']) => return None,
            part => relative.push(part),
        }
    }
    Some(relative)
}

/// `text` with `%41` turned into `A`; `None` if an escape is cut short or the result is not UTF-8.
fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digit = |b: u8| char::from(b).to_digit(16);
            let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
            u8::try_from(high * 16 + low).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

/// How long a browser may use a file without asking. A bundle has its hash in its name and never changes under it; everything
/// else is asked for again, and not sent again if it is the same.
fn cache_control(path: &Path) -> &'static str {
    let stem = path
        .extension()
        .filter(|extension| *extension == "safetensors")
        .and_then(|_| path.file_stem()?.to_str());
    let hashed = stem
        .and_then(|stem| stem.rsplit_once('-'))
        .is_some_and(|(_, hash)| hash.len() == 12 && hash.bytes().all(|b| b.is_ascii_hexdigit()));
    if hashed {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    }
}

/// The media type that browsers insist on for modules and wasm, and expect for the rest.
fn media_type(path: &Path) -> &'static str {
    let extension = path
        .extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn files_are_served_and_links_out_of_the_folder_are_not() -> Result<()> {
        let root = std::env::temp_dir().join(format!("xtask-server-{}", std::process::id()));
        std::fs::create_dir_all(&root)?;
        let root = root.canonicalize()?;
        std::fs::write(root.join("index.html"), "<p>hello")?;
        #[cfg(unix)]
        std::os::unix::fs::symlink("/etc/hostname", root.join("out")).or_else(|error| {
            if error.kind() == ErrorKind::AlreadyExists {
                Ok(())
            } else {
                Err(error)
            }
        })?;
        let listener = listen(Some(0))?;
        let address = listener.local_addr()?;
        let served = Served::new(&root)?;
        let same = served.clone();
        std::thread::spawn(move || answer_all(&listener, &same));
        let ask = |request: &str| -> Result<String> {
            let mut stream = TcpStream::connect(address)?;
            write!(stream, "{request} HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
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
        // Another folder in its place.
        std::fs::create_dir_all(root.join("next"))?;
        std::fs::write(root.join("next/index.html"), "<p>again")?;
        served.switch(&root.join("next"))?;
        assert!(ask("GET /")?.ends_with("<p>again"));
        assert!(served.switch(&root.join("none")).is_err());
        assert!(ask("GET /")?.ends_with("<p>again"));
        std::fs::remove_dir_all(root)?;
        Ok(())
    }
}

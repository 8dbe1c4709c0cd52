//! One request and its answer.

use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

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

/// Reads one request and answers it.
pub(crate) fn answer(root: &Path, mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request = BufReader::new(stream.try_clone()?.take(MAX_REQUEST));
    let mut first = String::new();
    request.read_line(&mut first)?;
    // All headers are read: a client that is still writing them may not read the answer.
    let mut known = String::new();
    let mut header = String::new();
    while request.read_line(&mut header)? > 2 {
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("if-none-match")
        {
            known = value.trim().to_owned();
        }
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
    let about = file.metadata()?;
    let tag = entity_tag(&about);
    let unchanged = known.split(',').any(|one| one.trim() == tag);
    match unchanged {
        true => write!(stream, "HTTP/1.1 304 Not Modified\r\n")?,
        false => write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\n",
            media_type(&path),
            about.len()
        )?,
    }
    write!(
        stream,
        "ETag: {tag}\r\nCache-Control: {}\r\n\
         Content-Security-Policy: {POLICY}; frame-ancestors 'self'\r\nConnection: close\r\n",
        cache_control(&path),
    )?;
    for (name, value) in HEADERS {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "\r\n")?;
    if method == "GET" && !unchanged {
        io::copy(&mut file, &mut stream)?;
    }
    stream.flush()
}

/// By which a browser that has the file sees that it is still the same: its size and when it was written.
fn entity_tag(about: &Metadata) -> String {
    let written = about.modified().ok();
    let since = written.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    format!(
        "\"{:x}-{:x}\"",
        about.len(),
        since.unwrap_or_default().as_nanos()
    )
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
        "gz" => "application/gzip",
        "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

//! A registry with one image that is as large as it is asked to be. It serves within the network of an engine.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::Command;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Where it listens: an engine talks to its own machine without TLS.
const ADDRESS: &str = "127.0.0.1:5000";

/// Serves an image whose layer has so many bytes to the engine of this process, as long as the test runs. Returns its name.
pub fn serve(engine: u32, bytes: u64) -> String {
    let namespace = format!("/proc/{engine}/ns/net");
    let up = ["ip", "link", "set", "lo", "up"];
    let up = Command::new("nsenter").arg(format!("--net={namespace}")).args(up).status().unwrap();
    assert!(up.success(), "the loopback device of the engine");
    let namespace = File::open(namespace).unwrap();
    let (listening, listens) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // A socket stays in the network that its thread was in when it was made; no other thread changes its own.
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        let listener = TcpListener::bind(ADDRESS).unwrap();
        listening.send(()).unwrap();
        for connection in listener.incoming().flatten() {
            // An engine whose disk is full hangs up.
            std::thread::spawn(move || drop(answer(&connection, bytes)));
        }
    });
    listens.recv().unwrap();
    format!("{ADDRESS}/large:1")
}

fn digest(letter: &str) -> String {
    format!("sha256:{}", letter.repeat(64))
}

/// Answers the requests of one connection.
fn answer(connection: &TcpStream, bytes: u64) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let mut header = String::from(" ");
        while !header.trim().is_empty() {
            header.clear();
            reader.read_line(&mut header)?;
        }
        let mut words = request.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let kind = "application/vnd.docker.distribution.manifest.v2+json";
        let config = "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"LAYER\"]}}"
            .replace("LAYER", &digest("b"));
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": kind,
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "size": config.len(), "digest": sha256(config.as_bytes()),
            },
            "layers": [{
                "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": bytes, "digest": digest("b"),
            }],
        })
        .to_string();
        let mut out = connection;
        let mut head = |kind: &str, length: u64, digest: &str| {
            write!(
                out,
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nDocker-Content-Digest: {digest}\r\nDocker-Distribution-Api-Version: registry/2.0\r\n\r\n"
            )
        };
        let body = match path {
            "/v2/" => "{}",
            path if path.contains("/manifests/") => &manifest,
            path if path.contains(&digest("b")) => {
                head("application/octet-stream", bytes, &digest("b"))?;
                send(connection, bytes)?;
                continue;
            }
            _ => &config,
        };
        head(
            if path.contains("/manifests/") { kind } else { "application/json" },
            body.len() as u64,
            &sha256(body.as_bytes()),
        )?;
        if method != "HEAD" {
            out.write_all(body.as_bytes())?;
        }
    }
}

fn sha256(content: &[u8]) -> String {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(content);
    digest.iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// Sends so many bytes of nothing.
fn send(mut connection: &TcpStream, bytes: u64) -> std::io::Result<()> {
    let block = vec![0; 1 << 20];
    let mut left = bytes;
    while left > 0 {
        let now = left.min(block.len() as u64);
        connection.write_all(&block[..usize::try_from(now).unwrap_or(block.len())])?;
        left -= now;
    }
    Ok(())
}

//! Notes for web servers, in the hands of the servers themselves.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // A test that cannot go on panics; one that is skipped says so.

mod desk;
mod program;
mod skip;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use self::desk::{Desk, fixture};

/// A folder `tiles` of 26 tiles with all the notes there are.
fn tileset(more: &[&str]) -> Desk {
    let desk = Desk::new();
    let source = fixture("RGB.byte.tif");
    let hosts = [
        "--hosting",
        "nginx",
        "--hosting",
        "caddy",
        "--hosting",
        "headers",
    ];
    let args = [
        &["tile", &source, "-o", "tiles", "-z", "4-8"],
        &hosts[..],
        more,
    ]
    .concat();
    desk.run(&args).ok();
    desk
}

/// A server, stopped at the end.
struct Server(Child, u16);

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone, or soon.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// `program`, once it listens on the port that `configure` makes a configuration of; `None` where it is not installed.
    fn start(program: &str, desk: &Desk, configure: impl Fn(u16) -> Vec<String>) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut command = Command::new(program);
        // Caddy keeps its last configuration in the home folder, where tests have no business.
        for home in ["XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
            command.env(home, desk.path("home"));
        }
        command
            .args(configure(port))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let Ok(mut child) = command.stderr(Stdio::null()).spawn() else {
            skip::skipped(format_args!("there is no {program}"));
            return None;
        };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                child.try_wait().unwrap().is_none(),
                "{program} does not like its notes"
            );
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "{program} does not listen"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Self(child, port))
    }

    /// Status, headers in lower case, and body.
    fn get(&self, path: &str) -> (u16, Vec<String>, Vec<u8>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.1)).unwrap();
        let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8(answer[..end].to_vec())
            .unwrap()
            .to_lowercase();
        let mut lines = head.lines().map(str::to_owned);
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        (status, lines.collect(), answer[end + 4..].to_vec())
    }

    fn check(&self, desk: &Desk, media_type: &str) {
        let files = desk.bytes("tiles");
        let mut n_tiles = 0;
        for (name, expected) in &files {
            let name = name.to_str().unwrap();
            let is_tile = name.contains('/');
            if !is_tile && !name.ends_with(".json") {
                continue;
            }
            n_tiles += u32::from(is_tile);
            let (status, headers, body) = self.get(&format!("/tiles/{name}"));
            assert_eq!(status, 200, "{name}");
            assert!(body == *expected, "{name}");
            let (kept, media_type) = match is_tile {
                true => ("public, max-age=604800", media_type),
                false => ("public, max-age=300", "application/json"),
            };
            for header in [
                format!("content-type: {media_type}"),
                format!("cache-control: {kept}"),
                "access-control-allow-origin: *".to_owned(),
            ] {
                assert_eq!(
                    headers.iter().filter(|h| **h == header).count(),
                    1,
                    "{headers:?}"
                );
            }
        }
        assert!(n_tiles > 10);
        // A browser must be allowed to read that there is no tile, too, but not keep it for long.
        for name in ["4/0/0.png", "none.json"] {
            let (status, headers, _) = self.get(&format!("/tiles/{name}"));
            assert_eq!(status, 404);
            let allowed = headers
                .iter()
                .filter(|h| *h == "access-control-allow-origin: *");
            assert_eq!(allowed.count(), 1, "{headers:?}");
        }
    }
}

#[test]
fn nginx_serves_a_folder_by_its_notes() {
    for (format, media_type) in [("png", "image/png"), ("webp", "image/webp")] {
        let desk = tileset(&["-f", format]);
        let folder = desk.0.path().display().to_string();
        let notes = fs::read_to_string(desk.path("tiles/nginx.conf")).unwrap();
        assert!(notes.contains("root /var/www;"));
        desk.write(
            "notes.conf",
            notes.replace("root /var/www;", &format!("root {folder};")),
        );
        let server = Server::start("nginx", &desk, |port| {
            let scratch = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
            let scratch = scratch.map(|what| format!("{what}_temp_path {folder}/{what};"));
            let main = format!(
                "daemon off; master_process off; pid {folder}/pid; error_log {folder}/log;
                events {{}}
                http {{
                    access_log off; {}
                    server {{ listen 127.0.0.1:{port}; include {folder}/notes.conf; }}
                }}",
                scratch.concat()
            );
            desk.write("main.conf", main);
            vec!["-c".into(), format!("{folder}/main.conf")]
        });
        let Some(server) = server else { return };
        server.check(&desk, media_type);
    }
}

#[test]
fn caddy_serves_a_folder_by_its_notes() {
    for (format, media_type) in [("png", "image/png"), ("webp", "image/webp")] {
        let desk = tileset(&["-f", format]);
        let folder = desk.0.path().display().to_string();
        let notes = fs::read_to_string(desk.path("tiles/Caddyfile")).unwrap();
        assert!(notes.contains("root * /var/www/tiles"));
        let notes = notes.replace("/var/www/tiles", &format!("{folder}/tiles"));
        desk.write("notes", notes);
        let server = Server::start("caddy", &desk, |port| {
            let main = format!(
                "{{\n admin off\n auto_https off\n}}\nhttp://localhost:{port} {{\n import {folder}/notes\n}}\n"
            );
            desk.write("main", main);
            [
                "run",
                "--adapter",
                "caddyfile",
                "--config",
                &format!("{folder}/main"),
            ]
            .map(str::to_owned)
            .to_vec()
        });
        let Some(server) = server else { return };
        server.check(&desk, media_type);
    }
}

#[test]
fn notes_are_part_of_a_folder_and_of_nothing_else() {
    let desk = tileset(&[]);
    let names = ["nginx.conf", "Caddyfile", "_headers"];
    let files = desk.bytes("tiles");
    assert!(
        names
            .iter()
            .all(|name| files.contains_key(std::path::Path::new(name)))
    );
    // A folder with notes is a tileset like any other, and may be replaced.
    desk.run(&["convert", "tiles", "-o", "b.mbtiles", "-o", "b"])
        .ok();
    assert!(!desk.path("b/_headers").exists());
    desk.run(&[
        "convert",
        "b",
        "-o",
        "tiles",
        "--overwrite",
        "--hosting",
        "headers",
    ])
    .ok();
    assert!(desk.path("tiles/_headers").exists() && !desk.path("tiles/Caddyfile").exists());
    for output in ["c.mbtiles", "s3://bucket/c/"] {
        let args = ["convert", "b", "-o", output, "--hosting", "nginx"];
        desk.run(&args).fails(2, "--hosting: no output is a folder");
    }
    let args = ["convert", "b", "-o", "c", "--hosting", "apache"];
    desk.run(&args)
        .fails(2, "expected one of nginx, caddy, headers");
}

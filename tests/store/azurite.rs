//! Azurite, asked by hand: what it has, and what others put there.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

/// The account that Azurite has, as its manual tells.
pub(crate) const ACCOUNT: &str = "devstoreaccount1";
pub(crate) const ACCOUNT_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// What may do everything with that account until 2099: made once with the key above, as Microsoft's manual tells.
pub(crate) const SAS: &str = "sv=2018-11-09&ss=b&srt=sco&sp=rwdlac&se=2099-01-01T00:00:00Z&spr=https,http&sig=K%2BOQqJj6KnEczTtcVU385IwXLAzlxsauImxanI94hY0%3D";

/// One request, in a version of HTTP in which answers end with the line: status, and body.
fn ask(port: u16, method: &str, target: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mark = if target.contains('?') { '&' } else { '?' };
    let head = format!(
        "{method} /{ACCOUNT}/{target}{mark}{SAS} HTTP/1.0\r\nHost: 127.0.0.1\r\nx-ms-version: 2020-04-08\r\n\
         x-ms-blob-type: BlockBlob\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    server.write_all(head.as_bytes()).unwrap();
    server.write_all(body).unwrap();
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let status = String::from_utf8_lossy(&answer[9..12]).parse().unwrap();
    (status, answer.split_off(end.unwrap() + 4))
}

pub(super) fn create_container(port: u16, name: &str) {
    let (status, said) = ask(port, "PUT", &format!("{name}?restype=container"), b"");
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&said));
}

/// All objects whose keys begin with `folder` and a slash, by the rest of their keys.
pub(super) fn objects(port: u16, container: &str, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let target = format!("{container}?restype=container&comp=list&prefix={folder}/");
    let (status, list) = ask(port, "GET", &target, b"");
    let list = String::from_utf8(list).unwrap();
    assert_eq!(status, 200, "{list}");
    let names = list.split("<Name>").skip(1);
    let names = names.map(|rest| rest.split("</Name>").next().unwrap());
    let object = |name: &str| {
        let (status, data) = ask(port, "GET", &format!("{container}/{name}"), b"");
        assert_eq!(status, 200, "{name}");
        let below = name.strip_prefix(&format!("{folder}/")).unwrap();
        (PathBuf::from(below), data)
    };
    names.map(object).collect()
}

pub(super) fn put(port: u16, container: &str, key: &str, data: &[u8]) {
    assert_eq!(ask(port, "PUT", &format!("{container}/{key}"), data).0, 201);
}

pub(super) fn remove(port: u16, container: &str, key: &str) {
    assert_eq!(
        ask(port, "DELETE", &format!("{container}/{key}"), b"").0,
        202
    );
}

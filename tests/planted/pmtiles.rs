//! Faults of PMTiles archives.

use super::how::{byte, cut, entries, flip_at};
use super::{Fault, PM, row};

pub(super) const FAULTS: &[Fault] = &[
    row("the archive is cut short", PM, |d| cut(d, PM), &["beyond"]),
    row(
        "something comes after the archive",
        PM,
        |d| byte(d, PM, |bytes| bytes.extend(b"something")),
        &["container"],
    ),
    row(
        "tiles are of no type that there is",
        PM,
        |d| byte(d, PM, |bytes| bytes[99] = 9),
        &["header"],
    ),
    row(
        "the directory is out of order",
        PM,
        |d| entries(d, |all| all[9].id = all[8].id),
        &["directory"],
    ),
    row(
        "the directory is no gzip",
        PM,
        |d| byte(d, PM, |bytes| flip_at(bytes, 127 + 20)),
        &["directory"],
    ),
    row(
        "tiles lie over each other",
        PM,
        |d| entries(d, |all| all[9].offset -= 10),
        &["overlap"],
    ),
    row(
        "a tile lies beyond the end",
        PM,
        |d| entries(d, |all| all.last_mut().unwrap().offset += 1_000_000),
        &["beyond"],
    ),
    row(
        "two tiles of an archive are swapped",
        PM,
        |d| {
            entries(d, |all| {
                let n = all.len();
                let (a, b) = (all[n - 20], all[n - 9]);
                (all[n - 20].offset, all[n - 20].length) = (b.offset, b.length);
                (all[n - 9].offset, all[n - 9].length) = (a.offset, a.length);
            })
        },
        &["parent"],
    ),
    row(
        "an archive is not clustered",
        PM,
        |d| {
            entries(d, |all| {
                let n = all.len();
                let (a, b) = (all[n - 20], all[n - 9]);
                (all[n - 20].offset, all[n - 20].length) = (b.offset, b.length);
                (all[n - 9].offset, all[n - 9].length) = (a.offset, a.length);
            })
        },
        &["header"],
    ),
    row(
        "a tile of an archive is missing",
        PM,
        |d| {
            entries(d, |all| {
                drop::<Vec<_>>(all.splice(all.len() - 9..all.len() - 8, []).collect())
            })
        },
        &["hole"],
    ),
    row(
        "tiles are not counted right",
        PM,
        |d| byte(d, PM, |bytes| bytes[72] += 1),
        &["header"],
    ),
    row(
        "entries are not counted right",
        PM,
        |d| byte(d, PM, |bytes| bytes[80] += 1),
        &["header"],
    ),
    row(
        "contents are not counted right",
        PM,
        |d| byte(d, PM, |bytes| bytes[88] += 1),
        &["header"],
    ),
    row(
        "the header has another type",
        PM,
        |d| byte(d, PM, |bytes| bytes[99] = 3),
        &["format"],
    ),
    row(
        "the header has a lower zoom",
        PM,
        |d| byte(d, PM, |bytes| bytes[100] = 1),
        &["zooms"],
    ),
    row(
        "the header has a higher zoom",
        PM,
        |d| byte(d, PM, |bytes| bytes[101] = 20),
        &["zooms"],
    ),
    row(
        "the header has other bounds",
        PM,
        |d| byte(d, PM, |bytes| bytes[102..118].copy_from_slice(&[1; 16])),
        &["bounds"],
    ),
    row(
        "the header has another center",
        PM,
        |d| byte(d, PM, |bytes| bytes[119..127].copy_from_slice(&[20; 8])),
        &["center"],
    ),
    row(
        "a byte of an archive is flipped",
        PM,
        |d| {
            byte(d, PM, |bytes| {
                let n = bytes.len();
                flip_at(bytes, n - 30_000)
            })
        },
        &["damaged"],
    ),
    Fault {
        options: &[
            "--digest",
            "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        ],
        ..row("the digest is another", PM, |_| {}, &["digest"])
    },
];

//! What holds for object stores of every kind: see [`Store::all`].

use std::fs;
use std::io::Read;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::desk::{Desk, finish, fixture};
use super::store::{Fate, Kind, Seen, Store};
use super::{bake, folder_of, json, many, run};

/// Whether a request puts a whole object.
fn puts_object(seen: &Seen) -> bool {
    seen.method == "PUT" && !seen.target.contains('?')
}

/// A header under the name that a kind of store has for it.
fn header<'a>(store: &Store, seen: &'a Seen, name: &str) -> Option<&'a str> {
    let name = match (store.kind, name) {
        (Kind::Gs, "if-none-match") => "x-goog-if-generation-match".to_owned(),
        (Kind::Az, "content-type" | "cache-control") => format!("x-ms-blob-{name}"),
        _ => name.to_owned(),
    };
    seen.headers.get(&name).map(String::as_str)
}

#[test]
fn a_folder_goes_up_once_and_what_differs_again() {
    for store in Store::all() {
        let desk = Desk::new();
        // Such characters as addresses have trouble with.
        let key = "ä b+c%20=&d";
        let output = store.address(&format!("{key}/"));
        bake(&store, &desk, &output, &["-o", "folder"]).ok();
        let seen = store.proxy.seen();
        let puts: Vec<&Seen> = seen.iter().filter(|seen| puts_object(seen)).collect();
        assert_eq!(puts.len(), 29, "{:?}", store.kind);
        for put in puts {
            let (media_type, kept) = if put.puts(".png") {
                ("image/png", "public, max-age=86400")
            } else {
                ("application/json", "public, max-age=60")
            };
            assert_eq!(header(&store, put, "content-type"), Some(media_type));
            assert_eq!(header(&store, put, "cache-control"), Some(kept));
            assert!(header(&store, put, "if-none-match").is_some());
        }
        bake(&store, &desk, &output, &[]).fails(4, "tilejson.json: exists already");
        let again = bake(&store, &desk, &output, &["--overwrite"]).ok();
        assert!(
            again.stdout.contains("0 sent, 27 there already"),
            "{:?}: {}",
            store.kind,
            again.stdout
        );
        let seen = store.proxy.seen();
        assert!(!seen.iter().any(puts_object), "{seen:?}");

        let plain = store.address("plain/");
        bake(&store, &desk, &plain, &[]).ok();
        assert_eq!(store.objects("plain"), desk.bytes("folder"));
    }
}

#[test]
fn an_object_of_somebody_else_is_neither_replaced_nor_pruned() {
    for store in Store::all() {
        let desk = Desk::new();
        let output = store.address("a/");
        bake(&store, &desk, &output, &[]).ok();
        let all = store.objects("a");
        for gone in ["a/tilejson.json", "a/9/145/220.png"] {
            store.remove(gone);
        }
        store.put("a/9/145/220.png", b"of somebody else");
        store.put("a/readme.txt", b"hands off");
        bake(&store, &desk, &output, &[]).fails(4, "a/9/145/220.png: another object is there");
        bake(&store, &desk, &output, &["--overwrite"]).ok();
        let mut wanted = all.clone();
        wanted.insert("readme.txt".into(), b"hands off".to_vec());
        assert_eq!(store.objects("a"), wanted, "{:?}", store.kind);
        let run = bake(
            &store,
            &desk,
            &output,
            &["-z", "4-8", "--overwrite", "--prune"],
        );
        assert!(run.ok().stdout.contains("removed"));
        bake(&store, &desk, &store.address("b/"), &["-z", "4-8"]).ok();
        let mut wanted = store.objects("b");
        wanted.insert("readme.txt".into(), b"hands off".to_vec());
        assert_eq!(store.objects("a"), wanted, "{:?}", store.kind);
    }
}

#[test]
fn a_version_is_published_in_any_store() {
    for store in Store::all() {
        let desk = Desk::new();
        let output = store.address("a/");
        for version in ["v1", "v2"] {
            bake(&store, &desk, &output, &["--publish", version]).ok();
            let pointer = json(&store.objects("a")[std::path::Path::new("tilejson.json")]);
            assert_eq!(
                pointer["tiles"][0],
                format!("{version}/{{z}}/{{x}}/{{y}}.png")
            );
        }
        assert_eq!(store.objects("a/v1"), store.objects("a/v2"));
    }
}

#[test]
fn archives_go_up_whole_or_not_at_all() {
    for store in Store::all() {
        let desk = Desk::new();
        // Several parts of 8 MiB.
        many(&desk, "m.mbtiles", 10, 200_000);
        let output = store.address("x/m.pmtiles");
        let convert = |more: &[&str]| {
            let args = ["convert", "m.mbtiles", "-o", &output];
            run(&store, &desk, &[&args, more].concat())
        };
        // Once a store says yes, and then no.
        let told = AtomicBool::new(false);
        store.proxy.judge(move |seen, _| {
            let is_end = seen.method == "POST" && seen.target.contains("uploadId");
            if is_end && !told.swap(true, Ordering::Relaxed) {
                Fate::Says(YES_AND_NO)
            } else {
                Fate::Pass
            }
        });
        convert(&["-o", "m.pmtiles", "--cache-control", "max-age=7"]).ok();
        assert!(
            store.objects("x")[std::path::Path::new("m.pmtiles")]
                == fs::read(desk.path("m.pmtiles")).unwrap()
        );
        let seen = store.proxy.seen();
        let told = seen
            .iter()
            .find(|seen| header(&store, seen, "cache-control").is_some());
        let told = told.unwrap();
        assert_eq!(
            header(&store, told, "content-type"),
            Some("application/vnd.pmtiles")
        );
        assert_eq!(header(&store, told, "cache-control"), Some("max-age=7"));
        convert(&[]).fails(4, "m.pmtiles: exists already");
        store.remove("x/m.pmtiles");
        store.proxy.judge(|seen, _| {
            let is_second =
                seen.target.contains("partNumber=2") || seen.target.contains("comp=blocklist");
            if is_second {
                Fate::Answer(403)
            } else {
                Fate::Pass
            }
        });
        convert(&[]).fails(4, "no permission");
        assert!(store.objects("x").is_empty(), "{:?}", store.kind);
    }
}

#[test]
fn any_store_may_be_busy_and_lines_may_break() {
    for store in Store::all() {
        let desk = Desk::new();
        many(&desk, "m.mbtiles", 6, 3000);
        store.proxy.judge(|_, n| match n % 12 {
            0 | 3 | 6 | 9 => Fate::Answer(503),
            1 => Fate::Lost,
            7 => Fate::Unanswered,
            _ => Fate::Pass,
        });
        let (folder, archive) = (store.address("a/"), store.address("b/b.pmtiles"));
        let args = ["convert", "m.mbtiles", "-o", &folder, "-o", &archive];
        run(&store, &desk, &[&args[..], &["-o", "b.pmtiles"]].concat()).ok();
        store.proxy.judge(|_, _| Fate::Pass);
        assert_eq!(store.objects("a"), folder_of(&desk, "m.mbtiles"));
        let there = store.objects("b");
        assert!(
            there[std::path::Path::new("b.pmtiles")] == fs::read(desk.path("b.pmtiles")).unwrap()
        );
    }
}

#[test]
fn after_a_failure_nothing_is_left_in_any_store() {
    for store in Store::all() {
        let desk = Desk::new();
        many(&desk, "m.mbtiles", 20, 100);
        store.put("a/readme.txt", b"hands off");
        let before = store.objects("a");
        for (fate, code) in [(Fate::Answer(403), 4), (Fate::Unanswered, 75)] {
            store.proxy.seen();
            store.proxy.judge(move |seen, n| {
                if n > 200 && seen.method == "PUT" {
                    fate
                } else {
                    Fate::Pass
                }
            });
            let args = ["convert", "m.mbtiles", "-o", &store.address("a/")];
            let run = run(&store, &desk, &[&args[..], &["--retry-for", "1"]].concat());
            run.fails(code, "expected");
            assert!(store.proxy.n_seen() > 200);
            assert_eq!(store.objects("a"), before, "{:?} {fate:?}", store.kind);
        }
    }
}

#[test]
fn wrong_credentials_and_buckets_are_told_and_secrets_are_not() {
    for store in Store::all() {
        let desk = Desk::new();
        let source = fixture("RGB.byte.tif");
        bake(
            &store,
            &desk,
            &store.address("a/").replace("maps", "nosuch"),
            &[],
        )
        .fails(4, "no bucket nosuch there");
        let output = store.address("a/");
        let (name, value) = match store.kind {
            Kind::S3 => ("AWS_SECRET_ACCESS_KEY", "canary".to_owned()),
            Kind::Gs => ("GOOGLE_BEARER_TOKEN", "canary".to_owned()),
            Kind::Az => (
                "AZURE_STORAGE_CONNECTION_STRING",
                format!(
                    "AccountName=devstoreaccount1;AccountKey=Y2FuYXJ5IG9mIG91cnM=;BlobEndpoint={}/devstoreaccount1",
                    store.proxy.address()
                ),
            ),
        };
        let args = ["tile", &source, "-vv", "-o", &output];
        let run = finish(store.command(&desk, &args).env(name, value));
        assert_eq!(run.code, 4, "{}", run.stderr);
        for text in [run.stdout, run.stderr] {
            assert!(
                !text.contains("canary") && !text.contains("Y2FuYX"),
                "{text}"
            );
        }
        let run = finish(&mut store.command(&desk, &args));
        assert_eq!(run.code, 0, "{}", run.stderr);
        for secret in ["canary", "Eby8vdM", "Signature=", "SharedKey"] {
            assert!(!run.stderr.contains(secret), "{}", run.stderr);
        }
    }
}

const YES_AND_NO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 83\r\n\r\n\
    <?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code><Message>x</Message></Error>";

/// What something in between, a broken store or a store elsewhere may say, and what is told of it.
const LIES: [(&str, &str); 6] = [
    (
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nETag: \"x\"\r\nContent-Length: 18\r\n\r\n<html>Login</html>",
        "not a store's",
    ),
    (
        "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n",
        "ask elsewhere",
    ),
    (
        "HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n<ListBucketResult><Key>",
        "expected an answer that makes sense",
    ),
    (
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "expected an answer that makes sense",
    ),
    (
        "HTTP/1.1 301 No\r\nx-amz-bucket-region: eu-central-1\r\nContent-Length: 0\r\n\r\n",
        "is in region eu-central-1",
    ),
    (
        "HTTP/1.1 403 No\r\nContent-Length: 54\r\n\r\n<Error><Code>RequestTimeTooSkewed</Code>canary</Error>",
        "this machine's clock",
    ),
];

#[test]
fn what_no_store_says_is_told_at_once() {
    for store in Store::all() {
        let desk = Desk::new();
        for (answer, said) in LIES {
            store.proxy.judge(move |_, _| Fate::Says(answer));
            let run = bake(&store, &desk, &store.address("a/"), &[]).fails(4, said);
            assert!(!run.stderr.contains("canary"));
        }
        // Something comes in between while tiles go up.
        store.proxy.seen();
        store.proxy.judge(|seen, n| {
            if n > 10 && puts_object(seen) {
                Fate::Says(LIES[1].0)
            } else {
                Fate::Pass
            }
        });
        bake(&store, &desk, &store.address("a/"), &[]).fails(4, "ask elsewhere");
        assert!(store.objects("a").is_empty());
        // An answer that breaks off may be whole the next time.
        store
            .proxy
            .judge(|_, _| Fate::Says("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n<List"));
        bake(&store, &desk, &store.address("a/"), &["--retry-for", "1"])
            .fails(75, "tried again and again");
    }
}

#[test]
fn an_interrupt_ends_a_run_whose_store_hangs() {
    for store in Store::all() {
        let desk = Desk::new();
        many(&desk, "m.mbtiles", 20, 100);
        store.proxy.judge(|seen, n| {
            if n > 60 && (seen.method == "PUT") {
                Fate::Hangs
            } else {
                Fate::Pass
            }
        });
        let (folder, archive) = (store.address("a/"), store.address("b.pmtiles"));
        for output in [folder, archive] {
            store.proxy.seen();
            let mut child = store
                .command(&desk, &["convert", "m.mbtiles", "-o", &output])
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let is_folder = output.ends_with('/');
            if !is_folder {
                store.proxy.judge(|seen, _| {
                    if seen.method == "PUT" {
                        Fate::Hangs
                    } else {
                        Fate::Pass
                    }
                });
            }
            let started = Instant::now();
            let wanted = if is_folder { 70 } else { 2 };
            while store.proxy.n_seen() < wanted && started.elapsed() < Duration::from_secs(20) {
                thread::sleep(Duration::from_millis(20));
            }
            thread::sleep(Duration::from_millis(200));
            // SAFETY: the child has not been waited for, so its number is its own.
            unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) };
            let mut said = String::new();
            child
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut said)
                .unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
            // What was on its way is nowhere, what had arrived is gone.
            assert!(store.objects("a").is_empty(), "{:?} {said}", store.kind);
        }
    }
}

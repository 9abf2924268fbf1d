//! Where outputs may go, and what happens to what is there, for every container.

use std::path::PathBuf;

use super::*;

fn replace() -> SinkOptions {
    SinkOptions {
        overwrite: Overwrite::Replace,
        ..options()
    }
}

#[test]
fn an_existing_output_is_refused_and_untouched() {
    for_each_archive(|_, folder, path| {
        bake(path, &options(), &metadata());
        let before = contents(path);
        expect_error(open_sink(path, &options()), Kind::Output, "--overwrite");
        assert_eq!(names(folder).len(), 1);
        assert_eq!(contents(path), before);
    });
}

#[test]
fn an_output_that_appears_during_the_bake_is_untouched() {
    for_each_archive(|_, folder, path| {
        let staged = stage(path, &options(), &metadata(), &tiles((1, 1)));
        fs::write(path, "somebody else's").unwrap();
        expect_error(staged.publish(), Kind::Output, "exists already");
        assert_eq!(fs::read(path).unwrap(), b"somebody else's");
        assert_eq!(names(folder).len(), 1);
    });
}

/// A folder whose names can be changed but not synced: found out before anything is renamed.
#[test]
#[cfg(target_os = "linux")]
fn an_output_that_cannot_be_synced_is_not_published() {
    use std::os::unix::fs::PermissionsExt;
    /// For the file system this thread is user `id`, who may be another than root, if root started it.
    fn become_user(id: u32) {
        // SAFETY: plain numbers; only this thread is another user.
        unsafe { libc::setfsuid(id) };
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.mbtiles");
    let staged = stage(&path, &options(), &metadata(), &tiles((1, 1)));
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o333)).unwrap();
    // SAFETY: no arguments, no failure.
    let user = unsafe { libc::geteuid() };
    if user == 0 {
        become_user(65534);
    }
    let told = staged.publish();
    become_user(user);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    expect_error(told, Kind::Output, "cannot be written");
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn what_is_dropped_leaves_nothing() {
    for_each_archive(|_, folder, path| {
        drop(open_sink(path, &options()).unwrap());
        let mut sink = open_sink(path, &options()).unwrap();
        for tile in tiles((1, 1)) {
            sink.write(tile, &data(tile), None).unwrap();
        }
        assert_eq!(names(folder).len(), 1, "there is a temporary");
        assert!(!path.exists());
        drop(sink);
        assert_eq!(names(folder), [""; 0]);
        drop(stage(path, &options(), &metadata(), &tiles((1, 1))));
        assert_eq!(names(folder), [""; 0]);
    });
}

#[test]
fn an_overwritten_output_stays_until_the_new_one_is_published() {
    for_each_archive(|_, folder, path| {
        bake(path, &options(), &metadata());
        let before = contents(path);
        drop(open_sink(path, &replace()).unwrap());
        assert_eq!(contents(path), before);
        let few = &tiles((1, 1))[..7];
        let staged = stage(path, &replace(), &metadata(), few);
        assert_eq!(staged.path(), path);
        assert_eq!(contents(path), before);
        assert_eq!(staged.publish().unwrap().n_tiles, 7);
        assert_eq!(contents(path).len(), 7);
        assert_eq!(names(folder).len(), 1, "the old one is gone");
    });
}

#[test]
fn overwriting_what_is_not_there_or_empty_is_writing() {
    for_each_archive(|archive, folder, path| {
        bake(path, &replace(), &metadata());
        let empty = folder.join("empty").join(path.file_name().unwrap());
        fs::create_dir(folder.join("empty")).unwrap();
        match archive.suffix {
            Some(_) => fs::write(&empty, "").unwrap(),
            None => fs::create_dir(&empty).unwrap(),
        }
        bake(&empty, &replace(), &metadata());
        assert_eq!(contents(&empty), contents(path));
    });
}

#[test]
fn an_output_of_another_kind_is_never_replaced() {
    for_each_archive(|archive, _, path| {
        if archive.suffix.is_some() {
            fs::create_dir(path).unwrap();
            expect_error(
                open_sink(path, &replace()),
                Kind::Output,
                "a folder; expected",
            );
            fs::remove_dir(path).unwrap();
        }
        fs::write(path, "diary").unwrap();
        expect_error(open_sink(path, &replace()), Kind::Output, "; expected");
        assert_eq!(fs::read(path).unwrap(), b"diary");
    });
}

#[test]
#[cfg(unix)]
fn a_link_stays_and_what_it_points_at_is_replaced() {
    for_each_archive(|_, folder, path| {
        let elsewhere = folder.join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let real = elsewhere.join(path.file_name().unwrap());
        std::os::unix::fs::symlink(&real, path).unwrap();
        expect_error(
            open_sink(path, &replace()),
            Kind::Output,
            "a symbolic link to nothing",
        );
        expect_error(open_sink(path, &options()), Kind::Output, "exists already");
        stage(&real, &options(), &metadata(), &tiles((1, 1))[..3])
            .publish()
            .unwrap();
        let published = bake(path, &replace(), &metadata());
        assert!(path.is_symlink());
        assert_eq!(published.path, path);
        assert_eq!(contents(&real).len(), tiles((1, 1)).len());
        assert_eq!(names(&elsewhere).len(), 1);
    });
}

#[test]
fn folders_that_cannot_hold_the_output_are_named() {
    for_each_archive(|_, folder, path| {
        let name = path.file_name().unwrap();
        let missing = folder.join("no/such");
        expect_error(
            open_sink(&missing.join(name), &options()),
            Kind::Output,
            "mkdir -p",
        );
        assert!(!folder.join("no").exists());
        let file = folder.join("file");
        fs::write(&file, "").unwrap();
        expect_error(
            open_sink(&file.join(name), &options()),
            Kind::Output,
            "a file; expected",
        );
        if cfg!(target_os = "linux") {
            let read_only = Path::new("/proc/self").join(name);
            expect_error(
                open_sink(&read_only, &options()),
                Kind::Output,
                "cannot be written",
            );
        }
    });
    expect_error(
        open_sink(Path::new(".."), &options()),
        Kind::Usage,
        "without a name",
    );
}

#[test]
fn temporaries_of_dead_runs_go_and_those_of_others_stay() {
    for_each_archive(|_, folder, path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let beside = |name: String| folder.join(name);
        let part = |pid: u32, n: u32| beside(format!(".{name}.azulejo-{pid}-{n}.part"));
        // Numbers of processes end far below the largest of 31 bits.
        let nobody = u32::MAX >> 1;
        let ours = std::process::id();
        let dead: Vec<PathBuf> = (0..50)
            .flat_map(|n| [part(ours, n), part(nobody, n)])
            .collect();
        dead.iter().for_each(|path| fs::write(path, "").unwrap());
        let tree = part(nobody, 50);
        fs::create_dir_all(tree.join("3/4")).unwrap();
        fs::write(tree.join("3/4/5.png"), "").unwrap();
        // In use: locked, or of a process that is alive; or not ours.
        let locked = part(nobody, 60);
        let lock = fs::File::create(&locked).unwrap();
        lock.try_lock().unwrap();
        let others = [
            locked,
            part(1, 0),
            part(nobody, 61).with_extension("old.part"),
            beside(format!(".{name}.azulejo-{nobody}-r.part")),
            beside(format!(".{name}2.azulejo-{nobody}-1.part")),
            beside(format!("{name}.azulejo-{nobody}-1.part")),
        ];
        others[1..]
            .iter()
            .for_each(|path| fs::write(path, "").unwrap());
        bake(path, &options(), &metadata());
        assert!(dead.iter().all(|path| !path.exists()) && !tree.exists());
        assert!(others.iter().all(|path| path.exists()));
        assert_eq!(names(folder).len(), others.len() + 1);
    });
}

/// A small file system, or `None` where we may not mount one.
#[cfg(target_os = "linux")]
struct SmallDisk(tempfile::TempDir);

#[cfg(target_os = "linux")]
impl SmallDisk {
    fn mount(mebibytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = std::process::Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m")])
            .arg("azulejo-test")
            .arg(folder.path());
        let done = mount.output().is_ok_and(|output| output.status.success());
        if !done {
            let line = b"skipped: a small file system can only be mounted as root\n";
            // Past the harness, which keeps what passing tests print to itself.
            let _ = std::io::Write::write_all(&mut std::io::stderr(), line);
        }
        done.then(|| Self(folder))
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg(self.0.path())
            .status();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn without_room_for_a_second_file_equal_tiles_stay_where_they_are() {
    // One tile in six came before: 52 MB become 44 MB, if there is room for both.
    let write = |folder: &Path, kind| {
        let path = folder.join("t.mbtiles");
        let mut options = options();
        options.mbtiles.kind = kind;
        let mut sink = open_sink(&path, &options).unwrap();
        let mut data = [7; 10_000];
        for x in 0..5000u32 {
            data[..4].copy_from_slice(&(x - u32::from(x % 6 == 1)).to_le_bytes());
            sink.write(TileCoord::new(13, x, 0), &data, None).unwrap();
        }
        let metadata = Metadata {
            zoom_max: 13,
            ..metadata()
        };
        let published = sink.finish(&metadata).unwrap().publish().unwrap();
        assert_eq!(published.n_tiles, 5000);
        assert_eq!(names(folder), ["t.mbtiles"]);
        published.sha256
    };
    for (mebibytes, kind) in [(60, MbtilesType::Flat), (120, MbtilesType::Normalized)] {
        let Some(disk) = SmallDisk::mount(mebibytes) else {
            return;
        };
        let elsewhere = tempfile::tempdir().unwrap();
        assert_eq!(
            write(disk.0.path(), None),
            write(elsewhere.path(), Some(kind)),
            "on a disk of {mebibytes} MiB"
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told_and_left_empty() {
    let Some(disk) = SmallDisk::mount(1) else {
        return;
    };
    for_each_archive(|_, _, path| {
        let path = disk.0.path().join(path.file_name().unwrap());
        // Twice the disk, and a little less than SQLite's cache, in which the first failure would show.
        for n_tiles in [200u32, 2000] {
            let mut sink = open_sink(&path, &options()).unwrap();
            let mut data = [7; 10_000];
            let write = |x: u32| {
                // Equal tiles may be stored once.
                data[..4].copy_from_slice(&x.to_le_bytes());
                sink.write(TileCoord::new(11, x, 0), &data, None)
            };
            let metadata = Metadata {
                zoom_max: 11,
                ..metadata()
            };
            let told = (0..n_tiles)
                .try_for_each(write)
                .and_then(|()| sink.finish(&metadata));
            expect_error(told, Kind::Resources, "the disk is full");
        }
        assert_eq!(names(disk.0.path()), [""; 0]);
    });
    // The root of a file system cannot be renamed.
    expect_error(
        open_sink(disk.0.path(), &replace()),
        Kind::Output,
        "a mount point",
    );
}

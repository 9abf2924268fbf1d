//! How much memory there is, and what `--memory` comes to.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ::gdal::config::{get_config_option, set_config_option};
use azulejo::error::{Error, Kind, Result};
use azulejo::pyramid::budget::{BASE_BYTES, Budget, Demand, LEAST_CEILING_BYTES};
use azulejo::source::cache::BlockCache;
use azulejo::source::gdal;

use super::human;

/// Sets GDAL's own cache of blocks for `jobs` threads under a ceiling, unless somebody has set it. Ours keeps what is
/// finished; GDAL's matters where one block of a file makes several of our units, and each thread has some of its own there.
///
/// # Errors
/// When GDAL refuses the setting.
pub(super) fn share_with_gdal(ceiling_bytes: u64, jobs: usize) -> Result<()> {
    const OPTION: &str = "GDAL_CACHEMAX";
    // From the environment, too.
    let told = get_config_option(OPTION, "").unwrap_or_default();
    if !told.is_empty() {
        return Ok(());
    }
    let megabytes = ((ceiling_bytes / 8) >> 20)
        .min(16 * jobs as u64)
        .clamp(16, 64);
    set_config_option(OPTION, &megabytes.to_string())
        .map_err(|error| Error::internal(format!("GDAL refuses {OPTION} ({error})")))
}

/// Divides the memory, and makes the cache of blocks that it leaves.
///
/// # Errors
/// When not even one thread fits.
pub(super) fn divide(demand: &Demand) -> Result<(Budget, Arc<BlockCache>)> {
    let budget = Budget::new(demand)?;
    gdal::share_handles(budget.jobs);
    log::debug!("memory: {demand:?} is divided as {budget:?}");
    let cache = BlockCache::new(budget.cache_bytes, budget.unit_bytes);
    Ok((budget, Arc::new(cache)))
}

/// Empties `cache` and gives its memory back to the system, as GDAL will want as much.
pub(super) fn give_back(cache: &BlockCache) {
    cache.clear();
    // What is freed would otherwise wait in the allocator for requests of the same kind, which do not come any more.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the call takes no pointers.
    unsafe {
        libc::malloc_trim(0)
    };
}

/// What to say when there is not enough for all threads, or when our own limit, and nobody else, says how much there is.
pub(super) fn note(budget: &Budget, demand: &Demand, is_lowered: bool) -> Option<String> {
    let memory = human::memory(demand.ceiling_bytes);
    let limit = if is_lowered {
        format!("{memory} of memory, which is what ulimit leaves of it")
    } else {
        format!("{memory} of memory")
    };
    if budget.jobs < demand.jobs {
        let (jobs, wanted) = (budget.jobs, demand.jobs);
        Some(format!("{limit}: enough for {jobs} of {wanted} threads"))
    } else {
        is_lowered.then_some(limit)
    }
}

/// What is mapped without being used, a thread: its stack.
const STACK_BYTES: u64 = 16 << 20;

/// `wanted_bytes`, or as much of it as `ulimit -v` and `ulimit -d` leave to `jobs` threads. Who runs into these is ended by the
/// allocator, or waits for a thread that GDAL could not start, so nobody should.
///
/// # Errors
/// [`Kind::Resources`] when they leave too little.
pub(super) fn within_own_limit(wanted_bytes: u64, jobs: usize) -> Result<u64> {
    let Some(Own { limit, unmapped }) = Own::find() else {
        return Ok(wanted_bytes);
    };
    let left = unmapped.saturating_sub(STACK_BYTES * (jobs as u64 + 2));
    // What is mapped already counts as the program's own part of the ceiling.
    let left = left + BASE_BYTES as u64;
    if left < LEAST_CEILING_BYTES {
        let help = "ulimit -v unlimited, and --memory, which is held";
        return Err(too_little(limit, left, LEAST_CEILING_BYTES).with_help(help));
    }
    Ok(wanted_bytes.min(left))
}

/// How many of `jobs` threads, each of which takes `each_bytes`, `ulimit -v` and `ulimit -d` have room for beside
/// `other_bytes`; and what to say if it is not all.
///
/// # Errors
/// [`Kind::Resources`] when there is no room for one.
pub(super) fn jobs_within_own_limit(
    jobs: usize,
    each_bytes: u64,
    other_bytes: u64,
) -> Result<(usize, Option<String>)> {
    let Some(Own { limit, unmapped }) = Own::find() else {
        return Ok((jobs, None));
    };
    let fit = unmapped.saturating_sub(other_bytes) / each_bytes.max(1);
    let fit = usize::try_from(fit).unwrap_or(usize::MAX);
    if fit == 0 {
        let error = too_little(limit, unmapped, each_bytes + other_bytes);
        return Err(error.with_help("ulimit -v unlimited"));
    }
    let note = (fit < jobs).then(|| {
        let memory = human::memory(limit);
        format!("{memory} of memory by ulimit: enough for {fit} of {jobs} threads")
    });
    Ok((fit.min(jobs), note))
}

fn too_little(limit: u64, left: u64, wanted: u64) -> Error {
    let mib = |bytes: u64| bytes >> 20;
    Error::new(
        Kind::Resources,
        format!(
            "{} MiB by ulimit, of which {} MiB are left for memory; expected {} MiB, or no limit",
            mib(limit),
            mib(left),
            mib(limit + wanted - left).next_multiple_of(10)
        ),
    )
}

/// What our own limits leave us.
struct Own {
    limit: u64,
    /// What is not mapped yet.
    unmapped: u64,
}

impl Own {
    /// `None` without a limit. With one, threads share what they allocate from.
    fn find() -> Option<Self> {
        let limit = own_limit()?;
        // The allocator maps 64 MiB for each thread otherwise, of which it uses little.
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        // SAFETY: the call takes no pointers.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, 1)
        };
        let mapped = mapped_bytes().unwrap_or(BASE_MAPPED_BYTES);
        let unmapped = limit.saturating_sub(mapped);
        Some(Self { limit, unmapped })
    }
}

/// Whether our address space is limited: then threads may not start, and GDAL waits for them even so.
pub(super) fn is_limited() -> bool {
    own_limit().is_some()
}

/// Where the system does not say what is mapped: measured, 168 MB.
const BASE_MAPPED_BYTES: u64 = 176 << 20;

/// The address space that we use.
fn mapped_bytes() -> Option<u64> {
    status("VmSize:")
}

/// The most memory that the process has had at one time. `getrusage` would tell that of whoever started it, if it was more.
pub(super) fn peak_bytes() -> Option<u64> {
    status("VmHWM:")
}

/// Processor time of all threads so far.
pub(super) fn process_cpu() -> Duration {
    // SAFETY: all zeros is a valid `rusage`, which the call fills in.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let time = |time: libc::timeval| {
        Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0))
            + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// A line of `/proc/self/status`, in bytes.
fn status(name: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Half of the memory that the machine, our control groups and our own limits leave us.
pub(super) fn half_of_what_is_free() -> u64 {
    let read = |path: &str| fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo").and_then(|text| available(&text));
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let groups = free_in_groups(&groups, Path::new("/sys/fs/cgroup"));
    let free = [machine, groups, own_limit()].into_iter().flatten().min();
    // Where nothing is known: enough for a few threads.
    (free.unwrap_or(2 << 30) / 2).max(LEAST_CEILING_BYTES)
}

/// `MemAvailable` of `/proc/meminfo`.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|l| l.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// What the control groups of `/proc/self/cgroup` have free below `root`: the least of each group and those above it.
fn free_in_groups(groups: &str, root: &Path) -> Option<u64> {
    let free = |line: &str| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        // Version 2 has one tree and no list of controllers; version 1 has a tree for each.
        let (root, names) = if controllers.is_empty() {
            let names = ["memory.max", "memory.current", "inactive_file"];
            (root.to_path_buf(), names)
        } else if controllers.split(',').any(|c| c == "memory") {
            let names = [
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                "total_inactive_file",
            ];
            (root.join("memory"), names)
        } else {
            return None;
        };
        let group = root.join(path.trim_start_matches('/'));
        group
            .ancestors()
            .take_while(|folder| folder.starts_with(&root))
            .filter_map(|folder| free_in_group(folder, names))
            .min()
    };
    groups.lines().filter_map(free).min()
}

/// Limit less usage, of which pages of files that nobody has touched lately do not count: they go when memory is wanted.
fn free_in_group(folder: &Path, [limit, usage, reclaimable]: [&str; 3]) -> Option<u64> {
    let number = |name: &str| -> Option<u64> {
        let text = fs::read_to_string(folder.join(name)).ok()?;
        text.trim().parse().ok()
    };
    let limit = number(limit)?;
    let stat = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
    let reclaimable = stat
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(name, _)| *name == reclaimable)
        .and_then(|(_, bytes)| bytes.trim().parse::<u64>().ok());
    let usage = number(usage)?.saturating_sub(reclaimable.unwrap_or(0));
    Some(limit.saturating_sub(usage))
}

/// The lower of what `ulimit -v` and `ulimit -d` allow.
fn own_limit() -> Option<u64> {
    let limit = |resource| {
        let mut limit = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: the call fills in the struct that it is given.
        let code = unsafe { libc::getrlimit(resource, &mut limit) };
        (code == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
    };
    [limit(libc::RLIMIT_AS), limit(libc::RLIMIT_DATA)]
        .into_iter()
        .flatten()
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_has_free() {
        let meminfo = "MemTotal: 100 kB\nMemFree:  1 kB\nMemAvailable:   2048 kB\n";
        assert_eq!(available(meminfo), Some(2 << 20));
        assert_eq!(available("MemTotal: 100 kB\n"), None);
        assert!(half_of_what_is_free() >= LEAST_CEILING_BYTES);
    }

    #[test]
    fn the_smallest_group_up_the_tree_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        // Version 2: the inner group has no limit, the outer one has.
        write("a/b/memory.max", "max\n");
        write("a/b/memory.current", "70\n");
        write("a/memory.max", "1000\n");
        write("a/memory.current", "400\n");
        write("a/memory.stat", "anon 200\ninactive_file 150\n");
        assert_eq!(free_in_groups("0::/a/b\n", root.path()), Some(750));
        assert_eq!(free_in_groups("0::/\n", root.path()), None);
        // A group that lies outside of what the container shows.
        assert_eq!(free_in_groups("0::/a/gone/far\n", root.path()), Some(750));
        // Version 1, with the same beside it.
        write("memory/job/memory.limit_in_bytes", "500\n");
        write("memory/job/memory.usage_in_bytes", "450\n");
        write("memory/memory.limit_in_bytes", "9223372036854771712\n");
        write("memory/memory.usage_in_bytes", "600\n");
        let groups = "5:cpu,cpuacct:/x\n4:memory:/job\n0::/a/b\n";
        assert_eq!(free_in_groups(groups, root.path()), Some(50));
    }
}

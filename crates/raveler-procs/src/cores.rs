//! The cores and the memory that this process may really use: affinity, cgroup quotas (v1 and v2), limits.

use std::fs;
use std::path::{Path, PathBuf};

/// What the machine gives to this process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cores {
    /// Cores that are online.
    pub online: usize,
    /// Cores that the affinity mask allows.
    pub affinity: usize,
    /// Cores' worth of time that the cgroups allow, such as 1.5; none if unlimited.
    pub quota: Option<f64>,
    /// Workers that make sense: the least of the above, a part of a core counted as one.
    pub usable: usize,
    /// Memory of the machine in bytes.
    pub memory_total: u64,
    /// Memory that the cgroups allow in bytes; none if unlimited.
    pub memory_limit: Option<u64>,
}

impl Cores {
    /// Reads the machine that this process runs on.
    #[must_use]
    pub fn here() -> Self {
        Self::read(Path::new("/sys/fs/cgroup"), &own_cgroup_file())
    }

    /// Reads a tree of cgroups at `root`, with the text of `/proc/self/cgroup` in `membership`.
    #[must_use]
    pub fn read(root: &Path, membership: &str) -> Self {
        let online = std::thread::available_parallelism().map_or(1, usize::from);
        let affinity = rustix::thread::sched_getaffinity(None)
            .map_or(online, |set| usize::try_from(set.count()).unwrap_or(online));
        let quota = quota(root, membership);
        let cores = affinity.max(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a quota is a small positive number"
        )]
        let usable = quota.map_or(cores, |quota| cores.min((quota.ceil() as usize).max(1)));
        Self {
            online: online_cores().unwrap_or(online),
            affinity,
            quota,
            usable,
            memory_total: memory_total(),
            memory_limit: memory_limit(root, membership),
        }
    }
}

fn own_cgroup_file() -> String {
    fs::read_to_string("/proc/self/cgroup").unwrap_or_default()
}

fn online_cores() -> Option<usize> {
    let text = fs::read_to_string("/sys/devices/system/cpu/online").ok()?;
    let mut count = 0;
    for range in text.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        count += last.parse::<usize>().ok()?.checked_sub(first.parse().ok()?)? + 1;
    }
    Some(count)
}

fn memory_total() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).map_or(0, |kib| kib * 1024)
}

/// The folders that apply to a membership path: itself and all above it, up to the root of the tree.
fn folders(root: &Path, path: &str) -> Vec<PathBuf> {
    let relative = Path::new(path.trim_start_matches('/'));
    relative.ancestors().map(|part| root.join(part)).collect()
}

/// The path of a controller in `/proc/self/cgroup`: of version 1 by its name, of version 2 by the empty one.
fn member_path<'a>(membership: &'a str, controller: &str) -> Option<&'a str> {
    membership.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        (controllers.split(',').any(|name| name == controller)).then_some(path)
    })
}

fn first_number(path: &Path) -> Option<f64> {
    fs::read_to_string(path).ok()?.split_whitespace().next()?.parse().ok()
}

fn quota(root: &Path, membership: &str) -> Option<f64> {
    let mut least: Option<f64> = None;
    let mut note = |time: f64, period: f64| {
        let quota = time / period;
        // A negative time means no limit; anything else that is no positive number is not to be understood.
        if time > 0.0 && period > 0.0 && quota.is_finite() {
            least = Some(least.map_or(quota, |so_far| so_far.min(quota)));
        }
    };
    for folder in member_path(membership, "").into_iter().flat_map(|path| folders(root, path)) {
        let Ok(text) = fs::read_to_string(folder.join("cpu.max")) else {
            continue;
        };
        let mut words = text.split_whitespace().map(str::parse::<f64>);
        if let (Some(Ok(time)), Some(Ok(period))) = (words.next(), words.next()) {
            note(time, period);
        }
    }
    for mount in ["cpu", "cpu,cpuacct"] {
        for folder in member_path(membership, "cpu").into_iter().flat_map(|path| folders(&root.join(mount), path)) {
            let time = first_number(&folder.join("cpu.cfs_quota_us"));
            let period = first_number(&folder.join("cpu.cfs_period_us"));
            if let (Some(time), Some(period)) = (time, period) {
                note(time, period);
            }
        }
    }
    least
}

fn memory_limit(root: &Path, membership: &str) -> Option<u64> {
    // An unlimited group of version 1 shows the largest multiple of a page.
    const UNLIMITED: u64 = 1 << 62;
    let second = member_path(membership, "").into_iter().flat_map(|path| folders(root, path));
    let first = member_path(membership, "memory").into_iter().flat_map(|path| folders(&root.join("memory"), path));
    let files = second.map(|at| at.join("memory.max")).chain(first.map(|at| at.join("memory.limit_in_bytes")));
    files
        .filter_map(|file| fs::read_to_string(file).ok()?.trim().parse::<u64>().ok())
        .filter(|&limit| limit < UNLIMITED)
        .min()
}

/// Returns how often the kernel killed a process of this group for lack of memory.
#[must_use]
pub fn out_of_memory_kills() -> u64 {
    let root = Path::new("/sys/fs/cgroup");
    let membership = own_cgroup_file();
    let second = member_path(&membership, "").map(|path| root.join(path.trim_start_matches('/')).join("memory.events"));
    let first = member_path(&membership, "memory")
        .map(|path| root.join("memory").join(path.trim_start_matches('/')).join("memory.oom_control"));
    let count = |path: PathBuf| -> Option<u64> {
        let text = fs::read_to_string(path).ok()?;
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
    };
    second.into_iter().chain(first).filter_map(count).sum()
}

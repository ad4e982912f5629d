//! Cores and memory under cgroups of both versions, read from trees made for the purpose.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use raveler_procs::cores::Cores;

const SECOND: &str = "0::/jobs/ours\n";
const FIRST: &str = "12:memory:/jobs/ours\n4:cpu,cpuacct:/jobs/ours\n1:name=systemd:/jobs/ours\n";

/// A folder that stands for `/sys/fs/cgroup` and goes with the test.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("raveler-cores-{}-{name}", process::id()));
        fs::create_dir_all(&root).expect("a temporary folder can be made");
        Self(root)
    }

    fn with(self, path: &str, text: impl AsRef<[u8]>) -> Self {
        let file = self.0.join(path);
        let folder = file.parent().expect("a file stands in a folder");
        fs::create_dir_all(folder).expect("a folder can be made");
        fs::write(file, text).expect("a file can be written");
        self
    }

    fn quota(&self, membership: &str) -> Option<f64> {
        self.read(membership).quota
    }

    fn read(&self, membership: &str) -> Cores {
        Cores::read(&self.0, membership)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // What stays behind is a few small files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A group of version 1 with this quota and period.
fn first(name: &str, group: &str, quota: &str, period: &str) -> Tree {
    Tree::new(name)
        .with(&format!("cpu,cpuacct/{group}/cpu.cfs_quota_us"), quota)
        .with(&format!("cpu,cpuacct/{group}/cpu.cfs_period_us"), period)
}

#[test]
fn a_second_version_quota_of_one_and_a_half_cores() {
    let tree = Tree::new("second").with("jobs/ours/cpu.max", "150000 100000\n");
    let cores = tree.read(SECOND);
    assert_eq!(cores.quota, Some(1.5));
    assert_eq!(cores.usable, 2.min(cores.affinity));
}

#[test]
fn a_first_version_quota_of_one_and_a_half_cores() {
    let tree = first("first", "jobs/ours", "75000\n", "50000\n");
    let cores = tree.read(FIRST);
    assert_eq!(cores.quota, Some(1.5));
    assert_eq!(cores.usable, 2.min(cores.affinity));
}

#[test]
fn the_first_version_is_found_under_either_mount() {
    let tree = Tree::new("mount")
        .with("cpu/jobs/ours/cpu.cfs_quota_us", "150000\n")
        .with("cpu/jobs/ours/cpu.cfs_period_us", "100000\n");
    assert_eq!(tree.quota(FIRST), Some(1.5));
    assert_eq!(tree.quota("4:cpu:/jobs/ours\n"), Some(1.5));
}

#[test]
fn max_is_no_quota() {
    let tree = Tree::new("max").with("jobs/ours/cpu.max", "max 100000\n").with("jobs/ours/memory.max", "max\n");
    let cores = tree.read(SECOND);
    assert_eq!((cores.quota, cores.memory_limit), (None, None));
    assert_eq!(cores.usable, cores.affinity);
}

#[test]
fn minus_one_is_no_quota() {
    let tree = first("minus", "jobs/ours", "-1\n", "100000\n").with("memory/jobs/ours/memory.limit_in_bytes", "-1\n");
    let cores = tree.read(FIRST);
    assert_eq!((cores.quota, cores.memory_limit), (None, None));
}

#[test]
fn a_part_of_a_core_is_one_worker() {
    let tree = Tree::new("part").with("jobs/ours/cpu.max", "10000 100000\n");
    let cores = tree.read(SECOND);
    assert_eq!((cores.quota, cores.usable), (Some(0.1), 1));
}

#[test]
fn more_quota_than_cores_leaves_the_cores() {
    let tree = Tree::new("more").with("jobs/ours/cpu.max", "409600000 100000\n");
    let cores = tree.read(SECOND);
    assert_eq!((cores.quota, cores.usable), (Some(4096.0), cores.affinity));
}

#[test]
fn the_tightest_of_the_groups_above_counts() {
    let tree = Tree::new("nested")
        .with("cpu.max", "800000 100000\n")
        .with("jobs/cpu.max", "50000 100000\n")
        .with("jobs/ours/cpu.max", "150000 100000\n")
        .with("jobs/theirs/cpu.max", "10000 100000\n")
        .with("memory.max", "max\n")
        .with("jobs/memory.max", "1048576\n")
        .with("jobs/ours/memory.max", "4194304\n");
    let cores = tree.read(SECOND);
    assert_eq!((cores.quota, cores.memory_limit), (Some(0.5), Some(1 << 20)));
}

#[test]
fn the_tightest_of_the_first_version_counts() {
    let tree = first("nested-first", "jobs", "50000\n", "100000\n")
        .with("cpu,cpuacct/jobs/ours/cpu.cfs_quota_us", "-1\n")
        .with("cpu,cpuacct/jobs/ours/cpu.cfs_period_us", "100000\n")
        .with("memory/memory.limit_in_bytes", "9223372036854771712\n")
        .with("memory/jobs/memory.limit_in_bytes", "1048576\n");
    let cores = tree.read(FIRST);
    assert_eq!((cores.quota, cores.memory_limit), (Some(0.5), Some(1 << 20)));
}

#[test]
fn a_path_that_only_the_host_knows_falls_back_to_the_root() {
    // A container sees its own group as the root, while its membership may name the host's path.
    let tree = first("container", "", "150000\n", "100000\n").with("memory/memory.limit_in_bytes", "1048576\n");
    let cores = tree.read("5:cpu,cpuacct:/docker/0123abcd\n6:memory:/docker/0123abcd\n");
    assert_eq!((cores.quota, cores.memory_limit), (Some(1.5), Some(1 << 20)));
}

#[test]
fn both_versions_at_once_give_the_tighter() {
    let tree = first("hybrid", "jobs/ours", "150000\n", "100000\n").with("jobs/ours/cpu.max", "50000 100000\n");
    assert_eq!(tree.quota(&format!("{FIRST}{SECOND}")), Some(0.5));
    assert_eq!(tree.quota(FIRST), Some(1.5));
}

#[test]
fn text_that_makes_no_sense_is_no_limit() {
    for (number, text) in
        ["", "\n", "150000", "lots of it", "150000 0", "0 0", "-1 100000", "nan 100000", "inf 100000", "\u{1f980} 1"]
            .into_iter()
            .enumerate()
    {
        let tree = Tree::new(&format!("unclear-{number}"))
            .with("jobs/ours/cpu.max", text)
            .with("jobs/ours/memory.max", text.replace("150000", "-150000"));
        let cores = tree.read(SECOND);
        assert_eq!((cores.quota, cores.memory_limit), (None, None), "{text:?}");
        assert_eq!(cores.usable, cores.affinity, "{text:?}");
    }
}

#[test]
fn first_version_text_that_makes_no_sense_is_no_limit() {
    for (number, (quota, period)) in
        [("", "100000"), ("150000", ""), ("150000", "0"), ("much", "100000"), ("inf", "100000"), ("nan", "nan")]
            .into_iter()
            .enumerate()
    {
        let tree = first(&format!("unclear-first-{number}"), "jobs/ours", quota, period);
        assert_eq!(tree.quota(FIRST), None, "{quota:?} {period:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_no_limit() {
    let tree =
        Tree::new("bytes").with("jobs/ours/cpu.max", b"\xff\xfe\x00").with("jobs/ours/memory.max", b"\xff\xfe\x00");
    let cores = tree.read(SECOND);
    assert_eq!((cores.quota, cores.memory_limit), (None, None));
}

#[test]
fn a_membership_that_makes_no_sense_is_no_limit() {
    let tree = Tree::new("membership").with("jobs/ours/cpu.max", "150000 100000\n");
    for membership in ["", "\n\n", "0", "0:", "::::", "nothing at all", "7:pids:/jobs/ours"] {
        assert_eq!(tree.quota(membership), None, "{membership:?}");
    }
}

#[test]
fn a_tree_that_is_missing_is_no_limit() {
    let cores = Cores::read(Path::new("/nonexistent"), SECOND);
    assert_eq!((cores.quota, cores.memory_limit), (None, None));
}

#[test]
fn this_machine_makes_sense() {
    let cores = Cores::here();
    assert!(cores.usable >= 1);
    assert!(cores.usable <= cores.affinity);
    assert!(cores.online >= 1);
    assert!(cores.memory_total > 0);
    assert!(cores.quota.is_none_or(|quota| quota > 0.0));
}

//! The doctor's report, for machines that nobody has at hand.

use raveler_cli::doctor::{Findings, report};
use raveler_procs::cores::Cores;

const GIB: u64 = 1 << 30;

fn healthy() -> Findings<'static> {
    Findings {
        version: "0.1.0",
        python: "3.11.7 (CPython, with the GIL)",
        executable: "/usr/bin/python3",
        system: "Linux 6.18.44, x86_64",
        cores: Cores { online: 8, affinity: 8, quota: None, usable: 8, memory_total: 64 * GIB, memory_limit: None },
        descriptors: Some(20_000),
    }
}

fn with(change: impl FnOnce(&mut Findings<'static>)) -> String {
    let mut findings = healthy();
    change(&mut findings);
    report(&findings)
}

fn row<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.trim_start().strip_prefix(name)).map(str::trim)
}

fn hints(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with("! ")).collect()
}

#[test]
fn a_healthy_machine() {
    let expected = "  raveler      0.1.0
  Python       3.11.7 (CPython, with the GIL)
  interpreter  /usr/bin/python3
  system       Linux 6.18.44, x86_64
  cores        8 usable of 8 online (all that this process is allowed on)
  CPU quota    none
  memory       64.0 GiB
  workers      8 by default, forked by a zygote
  descriptors  at most 20000 in one process

Nothing here will hurt.
";
    assert_eq!(report(&healthy()), expected);
}

#[test]
fn a_quota_holds_cores_down_and_throttles() {
    let text = with(|it| {
        it.cores = Cores { online: 8, affinity: 4, usable: 2, quota: Some(1.5), ..it.cores };
    });
    assert_eq!(row(&text, "cores"), Some("2 usable of 8 online (held down by the CPU quota)"));
    assert_eq!(row(&text, "CPU quota"), Some("1.5 cores (cgroup)"));
    assert_eq!(row(&text, "workers"), Some("2 by default, forked by a zygote"));
    assert_eq!(hints(&text), ["! a quota of 1.5 cores: workers on the last, partial core are throttled"]);
}

#[test]
fn a_quota_of_whole_cores_does_not_hurt() {
    let text = with(|it| it.cores = Cores { usable: 2, quota: Some(2.0), ..it.cores });
    assert_eq!(row(&text, "CPU quota"), Some("2 cores (cgroup)"));
    assert!(text.ends_with("Nothing here will hurt.\n"));
}

#[test]
fn a_quota_has_few_decimals() {
    for (quota, shown) in [(1.0 / 3.0, "0.333"), (2.0 / 3.0, "0.667"), (0.001, "0.001"), (16.0, "16")] {
        let text = with(|it| it.cores.quota = Some(quota));
        assert_eq!(row(&text, "CPU quota"), Some(format!("{shown} cores (cgroup)").as_str()));
    }
}

#[test]
fn a_quota_above_the_cores_is_not_to_blame() {
    let text = with(|it| it.cores.quota = Some(64.0));
    assert_eq!(row(&text, "cores"), Some("8 usable of 8 online (all that this process is allowed on)"));
}

#[test]
fn one_core_hurts() {
    let text = with(|it| it.cores = Cores { online: 1, affinity: 1, usable: 1, ..it.cores });
    assert_eq!(hints(&text), ["! one core: process tasks can't run faster than plain Python here"]);
}

#[test]
fn memory_for_each_worker_counts() {
    let limited = |limit| with(|it| it.cores.memory_limit = Some(limit));
    let text = limited(2 * GIB - 1);
    assert_eq!(row(&text, "memory"), Some("64.0 GiB, limited to 2.0 GiB (cgroup)"));
    assert_eq!(hints(&text), ["! less than 256 MiB of memory for each worker: use fewer workers, or memory="]);
    assert!(hints(&limited(2 * GIB)).is_empty());
}

#[test]
fn sizes_are_for_people() {
    for (bytes, shown) in [
        (0, "unknown"),
        (256 << 20, "256 MiB"),
        (GIB - 1, "1023 MiB"),
        (GIB, "1.0 GiB"),
        (GIB * 47 / 2, "23.5 GiB"),
        (u64::MAX, "17179869184.0 GiB"),
    ] {
        let text = with(|it| it.cores.memory_total = bytes);
        assert_eq!(row(&text, "memory"), Some(shown));
    }
}

#[test]
fn few_descriptors_hurt() {
    let text = with(|it| it.descriptors = Some(255));
    assert_eq!(hints(&text), ["! few file descriptors: raise `ulimit -n` to run many workers"]);
    assert!(hints(&with(|it| it.descriptors = Some(256))).is_empty());
}

#[test]
fn no_limit_of_descriptors_does_not_hurt() {
    let text = with(|it| it.descriptors = None);
    assert_eq!(row(&text, "descriptors"), Some("no limit"));
    assert!(hints(&text).is_empty());
}

#[test]
fn an_unknown_interpreter_has_no_row() {
    assert_eq!(row(&with(|it| it.executable = ""), "interpreter"), None);
}

#[test]
fn each_thing_that_hurts_has_a_line() {
    let text = with(|it| {
        it.descriptors = Some(64);
        it.cores = Cores { usable: 1, quota: Some(0.5), memory_limit: Some(64 << 20), ..it.cores };
    });
    assert_eq!(hints(&text).len(), 4);
    assert!(!text.contains("Nothing here will hurt."));
}

#[test]
fn nothing_known_is_no_panic() {
    let nothing =
        Findings { version: "", python: "", executable: "", system: "", cores: Cores::default(), descriptors: None };
    assert!(report(&nothing).contains("unknown"));
}

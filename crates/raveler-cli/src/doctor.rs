//! What `raveler doctor` says: what this machine offers, and what will hurt on it.

use std::fmt::Write;

use raveler_procs::cores::Cores;

const MIB: u64 = 1 << 20;

/// Below this a few dozen workers hardly fit.
const FEW_DESCRIPTORS: u64 = 256;

/// Below this an interpreter and its libraries hardly fit.
const LITTLE_MEMORY: u64 = 256 * MIB;

/// What the doctor looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Findings<'a> {
    /// The version of raveler, such as `0.1.0`.
    pub version: &'a str,
    /// The version and the kind of Python, such as `3.11.7 (CPython, with the GIL)`.
    pub python: &'a str,
    /// The path of the interpreter, empty if it is not known.
    pub executable: &'a str,
    /// The operating system, such as `Linux 6.18.44, x86_64`.
    pub system: &'a str,
    /// What the machine gives to this process.
    pub cores: Cores,
    /// Descriptors that one process may have, none if there is no limit.
    pub descriptors: Option<u64>,
}

/// Returns the report, each line ended.
#[must_use]
pub fn report(findings: &Findings<'_>) -> String {
    let rows = rows(findings);
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (name, value) in rows {
        let _ = writeln!(text, "  {name:<width$}  {value}");
    }
    text.push('\n');
    let hints = hints(findings);
    if hints.is_empty() {
        text.push_str("Nothing here will hurt.\n");
    }
    for hint in hints {
        let _ = writeln!(text, "! {hint}");
    }
    text
}

fn rows(findings: &Findings<'_>) -> Vec<(&'static str, String)> {
    let Cores { online, usable, quota, memory_total, memory_limit, .. } = findings.cores;
    let mut rows = vec![("raveler", findings.version.to_owned()), ("Python", findings.python.to_owned())];
    if !findings.executable.is_empty() {
        rows.push(("interpreter", findings.executable.to_owned()));
    }
    let limit = memory_limit.map(|limit| format!(", limited to {} (cgroup)", size(limit))).unwrap_or_default();
    rows.extend([
        ("system", findings.system.to_owned()),
        ("cores", format!("{usable} usable of {online} online{}", because(&findings.cores))),
        ("CPU quota", quota.map_or_else(|| "none".into(), |quota| format!("{} cores (cgroup)", share(quota)))),
        ("memory", format!("{}{limit}", size(memory_total))),
        ("workers", format!("{usable} by default, forked by a zygote")),
        (
            "descriptors",
            findings.descriptors.map_or_else(|| "no limit".into(), |most| format!("at most {most} in one process")),
        ),
    ]);
    rows
}

#[expect(clippy::cast_precision_loss, reason = "no machine has so many cores")]
fn because(cores: &Cores) -> &'static str {
    if cores.quota.is_some_and(|quota| quota < cores.affinity as f64) {
        " (held down by the CPU quota)"
    } else if cores.affinity == cores.usable {
        " (all that this process is allowed on)"
    } else {
        ""
    }
}

/// Says what will hurt, each a sentence without a full stop.
fn hints(findings: &Findings<'_>) -> Vec<String> {
    let Cores { usable, quota, memory_limit, .. } = findings.cores;
    let mut hints = Vec::new();
    if usable == 1 {
        hints.push("one core: process tasks can't run faster than plain Python here".into());
    }
    if let Some(quota) = quota
        && quota.fract() != 0.0
    {
        let quota = share(quota);
        hints.push(format!("a quota of {quota} cores: workers on the last, partial core are throttled"));
    }
    if findings.descriptors.is_some_and(|most| most < FEW_DESCRIPTORS) {
        hints.push("few file descriptors: raise `ulimit -n` to run many workers".into());
    }
    if memory_limit.is_some_and(|limit| limit / (usable.max(1) as u64) < LITTLE_MEMORY) {
        hints.push("less than 256 MiB of memory for each worker: use fewer workers, or memory=".into());
    }
    hints
}

/// A number of cores with at most three decimals.
fn share(quota: f64) -> String {
    ((quota * 1000.0).round() / 1000.0).to_string()
}

fn size(bytes: u64) -> String {
    let mib = bytes / MIB;
    match mib {
        _ if bytes == 0 => "unknown".into(),
        0..1024 => format!("{mib} MiB"),
        _ => {
            let tenths = (mib * 10 + 512) / 1024;
            format!("{}.{} GiB", tenths / 10, tenths % 10)
        }
    }
}

//! Death certificates: from the status that `wait` gives to the cause in words.

use raveler_procs::Certificate;
use raveler_procs::worker::EXIT_NO_MEMORY;

fn exited(code: u32) -> Certificate {
    Certificate::from_status(3, 4711, code << 8)
}

fn killed(signal: u32) -> Certificate {
    Certificate::from_status(3, 4711, signal)
}

#[test]
fn a_status_is_a_code_or_a_signal() {
    for code in [0, 1, 85, 86, 255] {
        let certificate = exited(code);
        assert_eq!((certificate.exit_code, certificate.signal), (Some(code), None));
    }
    for signal in 1..=64 {
        let certificate = killed(signal);
        assert_eq!((certificate.exit_code, certificate.signal), (None, Some(signal)));
    }
}

#[test]
fn a_written_core_does_not_change_the_signal() {
    let certificate = Certificate::from_status(0, 1, 0x80 + 11);
    assert_eq!(certificate.signal, Some(11));
    assert_eq!(certificate.cause(), killed(11).cause());
}

#[test]
fn nothing_else_is_read_from_a_status() {
    let rest = Certificate { worker: 3, pid: 4711, exit_code: Some(1), ..Certificate::default() };
    assert_eq!(exited(1), rest);
}

#[test]
fn an_exit_code_is_named() {
    for (code, cause) in [
        (0, "it left by os._exit(0)"),
        (3, "it left by os._exit(3)"),
        (255, "it left by os._exit(255)"),
        (EXIT_NO_MEMORY, "no shared memory was left for its result"),
    ] {
        assert_eq!(exited(code).cause(), cause);
    }
}

#[test]
fn a_signal_is_named() {
    for (signal, cause) in [
        (4, "illegal instruction (SIGILL)"),
        (6, "it aborted (SIGABRT)"),
        (7, "bus error (SIGBUS)"),
        (8, "arithmetic fault (SIGFPE)"),
        (9, "it was killed (SIGKILL)"),
        (11, "segmentation fault (SIGSEGV)"),
        (15, "it was terminated (SIGTERM)"),
        (24, "it used up its CPU time limit (SIGXCPU)"),
        (10, "signal 10"),
        (64, "signal 64"),
    ] {
        assert_eq!(killed(signal).cause(), cause);
    }
}

#[test]
fn only_a_sigkill_is_blamed_on_memory() {
    let starved = |certificate| Certificate { out_of_memory: true, ..certificate };
    assert_eq!(starved(killed(9)).cause(), "the kernel killed it because memory ran out (SIGKILL)");
    assert_eq!(starved(killed(11)).cause(), killed(11).cause());
    assert_eq!(starved(exited(1)).cause(), exited(1).cause());
}

#[test]
fn a_passed_budget_is_the_cause_before_all_others() {
    let cause = "it used more than its memory budget of 1048576 bytes";
    for certificate in [killed(9), killed(15), exited(0)] {
        let over = Certificate { over_budget: Some(1 << 20), out_of_memory: true, ..certificate };
        assert_eq!(over.cause(), cause);
    }
}

#[test]
fn an_unseen_end_says_so() {
    assert_eq!(Certificate::default().cause(), "its end was not seen");
}

#[test]
fn a_certificate_names_worker_and_process() {
    let text = "worker 3 (process 4711) died: segmentation fault (SIGSEGV)";
    assert_eq!(killed(11).to_string(), text);
}

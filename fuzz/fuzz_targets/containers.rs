//! What tells the life of simulated containers: the annotation `azlet.dev/containers`, and command lines that the small shell follows.
#![no_main]

use std::sync::Arc;

use azlet::kernel::container_script::{ImageScript, read_pod};
use azlet::kube::kubelet::shell::{Process, View, run};
use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(scripts) = read_pod(text) {
        assert!(scripts.iter().all(|(_, script)| script.run(0).is_some() && script.run(-1).is_some()));
    }
    if let Ok(value) = serde_json::from_str(text) {
        let _ = ImageScript::read(&value);
    }
    let words = ["sh".to_owned(), "-c".to_owned(), text.to_owned()];
    let until = SignedDuration::from_secs(60);
    let process = Process { words: &words, stdin: b"a\nb\n", started: Timestamp::UNIX_EPOCH, until, steps: 2_000 };
    let view = View { files: [("/etc/a".to_owned(), Arc::from(&b"x"[..]))].into(), ..View::default() };
    let trace = run(&process, &view);
    assert!(trace.output.iter().all(|output| output.at <= until));
});

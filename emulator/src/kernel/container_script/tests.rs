use serde_json::json;

use super::*;

#[test]
fn a_script_is_read_with_all_its_members() {
    let text = json!({"app": {
        "startDelay": "2s",
        "log": ["one", {"at": "1s", "text": "tick", "every": "10s", "times": 3, "stream": "stderr"}],
        "exit": {"after": "30s", "code": 3, "message": "bye"},
        "readiness": [{"passes": false, "output": "no"}, {"at": "20s", "passes": true}],
        "liveness": true, "startup": "not yet",
        "preStop": {"takes": "5s"}, "stop": "ignored",
    }});
    let scripts = read_pod(&text.to_string()).expect("sound");
    let run = scripts[0].1.run(7).expect("the last repeats").clone();
    assert_eq!(run.exit, Some(Exit { after: SignedDuration::from_secs(30), code: 3, oom: false, message: "bye".into() }));
    assert_eq!(run.log.as_ref().map(Vec::len), Some(2));
    let readiness = run.readiness.expect("told");
    let at = |seconds| outcome_at(&readiness, SignedDuration::from_secs(seconds));
    assert_eq!(at(19).0.map(|outcome| outcome.passes), Some(false));
    assert_eq!(at(19).1, Some(SignedDuration::from_secs(20)));
    assert_eq!(at(20), (readiness.last(), None));
}

#[test]
fn a_fault_says_where_it_is_and_what_would_be_right() {
    for (script, expected) in [
        (json!([1]), "the value: must be an object with a member per container, such as {\"app\": {\"exit\": 1}}"),
        (
            json!({"a": 5}),
            "a: is 5, but must be an object with some of: startDelay, startError, log, exit, readiness, liveness, startup, postStart, preStop, stop",
        ),
        (json!({"a": []}), "a: is an empty list; give at least one run"),
        (json!({"a": {"exit": 256}}), "a.exit: is 256, but an exit code is a whole number from 0 to 255"),
        (
            json!({"a": {"exit": {"oom": true, "code": 1}}}),
            "a.exit: has \"oom\" and another code than 137, with which the kernel's kill always ends",
        ),
        (
            json!({"a": [{}, {"log": [{"at": 5, "text": "x"}]}]}),
            "a[1].log[0].at: is 5, but must be a duration such as \"500ms\", \"30s\" or \"1h30m\"",
        ),
        (json!({"a": {"startDelay": "-1s"}}), "a.startDelay: is \"-1s\", but time only goes forward"),
        (
            json!({"a": {"ready": true}}),
            "a: has the unknown member \"ready\"; known are: startDelay, startError, log, exit, readiness, liveness, startup, postStart, preStop, stop",
        ),
        (json!({"a": {"readiness": [true, false]}}), "a.readiness[1].at: is not later than the one before it"),
        (json!({"a": {"stop": "never"}}), "a.stop: is \"never\", but must be \"ignored\" or an object with after and code"),
    ] {
        assert_eq!(read_pod(&script.to_string()).map_err(|fault| fault.to_string()).expect_err("a fault"), expected);
    }
    assert!(read_pod("{").expect_err("no JSON").to_string().starts_with("the value: is no JSON ("));
}

#[test]
fn patterns_name_images() {
    assert!(matches("docker.io/library/*:*", "docker.io/library/redis:7"));
    assert!(matches("*redis*", "docker.io/library/redis:7"));
    assert!(!matches("docker.io/library/redis:7", "docker.io/library/redis:72"));
    assert!(!matches("*:8", "docker.io/library/redis:7"));
    assert!(!matches("aa*aa", "aaa"));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,60}") {
        let _ = read_pod(&text);
    }

    #[test]
    fn no_script_makes_it_panic(member in "(startDelay|log|exit|readiness|stop|preStop|x)", value in "(5|\"[a-z0-9 -]{0,6}\"|true|\\{\"(at|after|code|text|every|passes|takes)\":(\"-?[0-9]{1,20}[smhd]\"|-?[0-9]{1,20}|true)\\}|\\[\\])") {
        let text = format!("{{\"a\":{{\"{member}\":{value}}}}}");
        if let Ok(scripts) = read_pod(&text) {
            proptest::prop_assert!(scripts[0].1.run(0).is_some());
        }
    }
}

use jiff::Timestamp;

use super::*;

fn view() -> View {
    let files = BTreeMap::from([("/etc/config/greeting".to_owned(), Arc::from(&b"hello\nworld\n"[..]))]);
    let environment = BTreeMap::from([("NAME".to_owned(), "azlet".to_owned())]);
    View { environment, files, hostname: "web-0".into(), directory: "/".into(), user: 0 }
}

fn follow(script: &str, seconds: i64) -> Trace {
    let words = ["/bin/sh", "-c", script].map(str::to_owned);
    let until = SignedDuration::from_secs(seconds);
    run(&Process { words: &words, stdin: b"", started: Timestamp::UNIX_EPOCH, until, steps: 20_000 }, &view())
}

/// What a script writes to both streams, and its exit code.
fn told(script: &str) -> String {
    let trace = follow(script, 100);
    let both: Vec<u8> = trace.output.iter().flat_map(|output| output.bytes.clone()).collect();
    let code = trace.end.map_or_else(|| trace.unknown.clone().unwrap_or("runs".into()), |(_, code)| code.to_string());
    format!("{}[{code}]", String::from_utf8_lossy(&both))
}

#[test]
fn simple_commands_do_what_they_do() {
    for (script, expected) in [
        ("echo hi; exit 3", "hi\n[3]"),
        ("exit 3", "[3]"),
        ("true && echo yes || echo no", "yes\n[0]"),
        ("false && echo yes || echo no", "no\n[0]"),
        ("echo \"$NAME is '$HOSTNAME'\" 'a $NAME'", "azlet is '' a $NAME\n[0]"),
        ("cat /etc/config/greeting | grep wor | wc -l", "1\n[0]"),
        ("cat /nope", "cat: can't open '/nope': No such file or directory\n[1]"),
        ("for i in 1 2 3; do echo -n \"$i \"; done; echo", "1 2 3 \n[0]"),
        ("i=0; while [ $i -lt 3 ]; do i=$((i+1)); done; echo $i", "3\n[0]"),
        ("if test -f /etc/config/greeting; then echo there; else echo gone; fi", "there\n[0]"),
        ("X=${MISSING:-default}; echo $X ${NAME:+set}", "default set\n[0]"),
        ("echo $(hostname) `pwd`", "web-0 /\n[0]"),
        ("echo err >&2; echo gone >/dev/null", "err\n[0]"),
        ("echo a >/tmp/x && cat /tmp/x && rm /tmp/x && ls /tmp", "a\n[0]"),
        ("(exit 4); echo $?", "4\n[0]"),
        ("set -e; false; echo never", "[1]"),
        ("printf '%s-%d\\n' a 1 b 2", "a-1\nb-2\n[0]"),
        ("date -u +%Y", "1970\n[0]"),
        ("echo 'a", "sh: syntax error: unterminated quoted string (')\n[2]"),
        ("echo before; nginx -g daemon", "before\n[nginx]"),
        ("timeout 5 sleep 60; echo $?", "143\n[0]"),
        ("exec true", "[0]"),
    ] {
        assert_eq!(told(script), expected, "{script}");
    }
}

#[test]
fn time_passes_by_counting() {
    let counter = "i=0; while true; do echo \"$i: $(date +%S)\"; i=$((i+1)); sleep 1; done";
    let trace = follow(counter, 2);
    let lines: Vec<(i64, String)> =
        trace.output.iter().map(|output| (output.at.as_secs(), String::from_utf8_lossy(&output.bytes).into_owned())).collect();
    assert_eq!(lines, [(0, "0: 00\n".to_owned()), (1, "1: 01\n".into()), (2, "2: 02\n".into())]);
    assert_eq!((trace.end, trace.next), (None, Some(SignedDuration::from_secs(3))));
    let liveness = follow("touch /tmp/healthy; sleep 30; rm -f /tmp/healthy; sleep 600", 1000);
    assert_eq!(liveness.end, Some((SignedDuration::from_secs(630), 0)));
    let there = |seconds| liveness.files_at(&view().files, SignedDuration::from_secs(seconds)).contains_key("/tmp/healthy");
    assert!(there(29) && !there(30));
}

#[test]
fn what_has_no_end_is_stopped() {
    assert_eq!(follow("while true; do :; done", 5).end, None);
    assert!(follow("while true; do echo y; done", 5).output.iter().map(|output| output.bytes.len()).sum::<usize>() <= 1 << 20);
    assert_eq!(follow("f=sh; while true; do x=$x$x.; done", 5).end, None);
    assert!(follow(&"(".repeat(1000), 1).end.is_some());
    assert!(follow(&"$(".repeat(1000), 1).end.is_some());
}

proptest::proptest! {
    #[test]
    fn no_script_makes_it_panic(script in "[ -~\n]{0,80}") {
        let _ = follow(&script, 10);
    }

    #[test]
    fn no_script_of_shell_words_makes_it_panic(words in proptest::collection::vec(
        proptest::sample::select(vec!["if", "then", "fi", "do", "done", "while", "true", ";", "|", "&&", "$(", ")", "${A:-", "}", "((", "'", "\"", ">", "2>&1", "sleep 1", "echo", "x=$x$x", "for i in", "\n", "`", "tail -n", "-1"]), 0..20)
    ) {
        let _ = follow(&words.join(" "), 10);
    }
}

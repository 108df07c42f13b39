use super::*;

fn shell() -> Shell {
    let now = Timestamp::UNIX_EPOCH;
    let mut tree = files::Tree::default();
    tree.put("etc/hosts", files::Entry::file("127.0.0.1 localhost\n", 0o644, now));
    tree.put("tmp/a", files::Entry::file("one\ntwo\n", 0o644, now));
    let mount = files::Mount {
        path: String::new(),
        tree: std::sync::Arc::new(parking_lot::Mutex::new(tree)),
        part: String::new(),
        read_only: false,
    };
    let environment = [("HOME", "/root"), ("NAME", "azlet")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let facts = Facts { hostname: "pod".into(), now, user: (0, 0), absent: &["bash"] };
    Shell::new(Files::new(vec![mount], now), environment.into_iter().collect(), "/", facts)
}

fn script(text: &str) -> (String, i32) {
    let words = ["sh", "-c", text].map(str::to_owned);
    let done = shell().exec(&words, Bytes::new()).expect("there is a shell");
    let mut shown = String::new();
    for effect in done.effects {
        match effect {
            Effect::Out(bytes) => shown.push_str(&String::from_utf8_lossy(&bytes)),
            Effect::Err(bytes) => shown.push_str(&format!("!{}", String::from_utf8_lossy(&bytes))),
            Effect::Sleep(time) => shown.push_str(&format!("<{}>", time.as_millis())),
        }
    }
    (shown, done.code)
}

#[test]
fn scripts_do_what_a_shell_does_with_them() {
    for (text, shown, code) in [
        ("echo hello world", "hello world\n", 0),
        ("echo $NAME ${NAME} \"$NAME\" '$NAME' ${none:-else}", "azlet azlet azlet $NAME else\n", 0),
        ("false || echo no; true && echo yes", "no\nyes\n", 0),
        ("false && echo never; exit 3; echo after", "", 3),
        ("cat /tmp/a | grep two | wc -l", "1\n", 0),
        ("foo; echo $?", "!sh: 1: foo: not found\n127\n", 0),
        ("foo", "!sh: 1: foo: not found\n", 127),
        ("for i in 1 2 3; do echo $i; done", "1\n2\n3\n", 0),
        ("i=0; while [ $i -lt 3 ]; do i=$((i+1)); echo $i; sleep 0.5; done", "1\n<500>2\n<500>3\n<500>", 0),
        ("if [ -f /tmp/a ]; then echo there; else echo not; fi", "there\n", 0),
        ("echo x > /tmp/b; echo y >> /tmp/b; cat /tmp/b", "x\ny\n", 0),
        ("echo hidden > /dev/null; cat /nope 2>/dev/null || echo gone", "gone\n", 0),
        ("cat /nope 2>&1 | head -c 8", "cat: /no", 0),
        ("echo $(echo inner; echo two) \"$(echo a; echo b)\"", "inner two a\nb\n", 0),
        ("cd /tmp && pwd && ls", "/tmp\na\n", 0),
        ("(cd /tmp; exit 4); echo $? $PWD", "4 /\n", 0),
        ("ls /t*/a; echo *", "/tmp/a\netc tmp\n", 0),
        ("printf '%s-%03d\\n' a 7", "a-007\n", 0),
        ("A=1 env | grep A=; echo [$A]", "A=1\n[]\n", 0),
        ("export B=2; env | grep ^B", "B=2\n", 0),
        ("id; whoami; hostname", "uid=0(root) gid=0(root) groups=0(root)\nroot\npod\n", 0),
        ("date -u", "Thu Jan  1 00:00:00 UTC 1970\n", 0),
        ("echo 'a", "!sh: 1: Syntax error: end of file unexpected\n", 2),
        ("bash -c true", "!sh: 1: bash: not found\n", 127),
        (
            "mkdir -p /d/e && cp /tmp/a /d/e && cat /d/e/a && rm -r /d && ls /d",
            "one\ntwo\n!ls: cannot access '/d': No such file or directory\n",
            2,
        ),
        ("cat /tmp/a | while read line; do echo \"<$line>\"; done", "<one>\n<two>\n", 0),
        ("sh -c 'echo $0 $1' x y", "x y\n", 0),
        ("echo aGk= | base64 -d", "hi", 0),
        ("! true", "", 1),
    ] {
        assert_eq!(script(text), (shown.to_owned(), code), "{text}");
    }
}

#[test]
fn a_loop_without_an_end_is_cut() {
    let words = ["sh", "-c", "while true; do sleep 1; done"].map(str::to_owned);
    let done = shell().exec(&words, Bytes::new()).expect("there is a shell");
    assert!(done.endless && done.effects.len() > 1000);
    assert!(shell().exec(&["foo".to_owned()], Bytes::new()).is_none());
    assert!(shell().exec(&["exit".to_owned()], Bytes::new()).is_none(), "only a shell can exit");
}

#[test]
fn a_conversation_remembers_and_waits_for_what_is_not_finished() {
    let mut shell = shell();
    assert!(shell.say("x=5").is_some() && shell.say("for i in 1 2; do").is_none());
    let done = shell.say("echo $x").map(|done| done.effects);
    assert_eq!(done, Some(vec![Effect::Out(b"5\n".to_vec())]));
    assert_eq!(shell.say("exit 7").map(|done| done.code), Some(7));
    assert!(shell.is_over());
}

#[test]
fn what_is_packed_comes_out_again() {
    let mut first = shell();
    let packed = first.exec(&["tar", "cf", "-", "/tmp"].map(str::to_owned), Bytes::new()).expect("tar");
    let [Effect::Err(told), Effect::Out(archive)] = packed.effects.as_slice() else { panic!("{packed:?}") };
    assert_eq!(told, b"tar: Removing leading `/' from member names\n");
    let mut second = shell();
    let out = ["tar", "-xmf", "-", "-C", "/etc"].map(str::to_owned);
    assert_eq!(second.exec(&out, archive.clone().into()).map(|done| done.code), Some(0));
    assert_eq!(second.files.read("/etc/tmp/a").as_deref(), Ok(b"one\ntwo\n".as_slice()));
}

#[test]
fn who_reads_is_known_before() {
    let reads = |text: &str| reads_input(&text.split(' ').map(str::to_owned).collect::<Vec<_>>());
    assert!(reads("cat") && reads("tar xmf - -C /x") && reads("tar --no-same-owner -xmf -") && reads("tee /a") && reads("sh"));
    assert!(!reads("cat /a") && !reads("tar cf - /a") && !reads("ls") && !reads("grep a /b"));
}

proptest::proptest! {
    #[test]
    fn no_words_are_a_fault(text in "(echo|cat|ls|cd|printf|tar|cut|tr|seq|head|test|\\[|for i in|do|done|[ $*?|;&'\"{}()=%<>/.0-9a-z-]){0,30}") {
        let _ = script(&text);
    }
}

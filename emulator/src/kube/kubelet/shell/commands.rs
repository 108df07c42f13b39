//! The programs that are known: those that examples and checks use in containers.

use jiff::SignedDuration;

use super::parse::is_name;
use super::run::{Flow, Machine, Streams};
use super::test;

impl Machine {
    /// A program with its arguments. Its exit code is the status afterwards.
    pub(super) fn program(&mut self, words: &[String], streams: &Streams) -> Flow {
        let Some((program, arguments)) = words.split_first() else { return Flow::Go };
        let name = program.rsplit('/').next().unwrap_or(program);
        match name {
            "sh" | "bash" | "ash" | "dash" => self.shell(arguments, streams),
            "tini" | "dumb-init" | "exec" | "command" | "nohup" | "time" | "sudo" => self.wrapped(name, arguments, streams),
            "env" => self.env(arguments, streams),
            "timeout" => self.timeout(arguments, streams),
            "exit" => Flow::Exit(arguments.first().map_or(Some(self.status), |code| code.parse().ok()).unwrap_or(2) & 255),
            "break" => Flow::Break,
            "continue" => Flow::Continue,
            "sleep" => self.sleep(arguments, streams),
            "pause" => self.stay(),
            "tail" if arguments.iter().any(|word| word == "-f" || word == "-F") => self.stay(),
            "set" => self.options(arguments),
            "export" | "local" | "readonly" => self.export(arguments),
            "unset" => {
                for name in arguments {
                    self.view.environment.remove(name);
                    self.variables.remove(name);
                }
                self.done(0)
            }
            "cd" => self.change_directory(arguments, streams),
            "shift" => {
                if self.arguments.len() > 1 {
                    self.arguments.remove(1);
                }
                self.done(0)
            }
            "true" | ":" | "trap" | "wait" | "umask" | "sync" | "chmod" | "chown" => self.done(0),
            "false" => self.done(1),
            "test" | "[" => self.test(name, arguments, streams),
            _ => self.filter(name, program, arguments, streams),
        }
    }

    /// Programs that only write, or read and write.
    fn filter(&mut self, name: &str, program: &str, arguments: &[String], streams: &Streams) -> Flow {
        match name {
            "echo" => self.echo(arguments, streams),
            "printf" => self.printf(arguments, streams),
            "pwd" => self.say(&self.view.directory.clone(), streams),
            "hostname" => self.say(&self.view.hostname.clone(), streams),
            "whoami" if self.view.user == 0 => self.say("root", streams),
            "id" => self.id(arguments, streams),
            "date" => self.date(arguments, streams),
            "seq" => self.seq(arguments, streams),
            "printenv" => self.printenv(arguments, streams),
            "uname" => self.uname(arguments, streams),
            "basename" => {
                let path = arguments.first().map_or("", String::as_str).trim_end_matches('/').to_owned();
                self.say(path.rsplit('/').next().unwrap_or(""), streams)
            }
            "dirname" => {
                let path = arguments.first().map_or(".", String::as_str);
                self.say(path.rsplit_once('/').map_or(".", |(parent, _)| if parent.is_empty() { "/" } else { parent }), streams)
            }
            "which" | "type" => {
                let name = arguments.last().cloned().unwrap_or_default();
                self.say(&format!("/bin/{name}"), streams)
            }
            "cat" | "head" | "tail" | "wc" | "grep" | "ls" | "touch" | "rm" | "mkdir" | "mv" | "cp" | "tee" | "sort"
            | "base64" => self.file_program(name, arguments, streams),
            _ => self.unknown(program),
        }
    }

    pub(super) fn done(&mut self, status: i32) -> Flow {
        self.status = status;
        Flow::Go
    }

    pub(super) fn say(&mut self, line: &str, streams: &Streams) -> Flow {
        self.write(&streams.out, format!("{line}\n").as_bytes());
        self.done(0)
    }

    /// Says on the standard error what is wrong.
    pub(super) fn fail(&mut self, line: &str, status: i32, streams: &Streams) -> Flow {
        self.write(&streams.err, format!("{line}\n").as_bytes());
        self.done(status)
    }

    fn shell(&mut self, arguments: &[String], streams: &Streams) -> Flow {
        let mut stops = false;
        let mut rest = arguments;
        while let Some((option, more)) = rest.split_first().filter(|(word, _)| word.len() > 1 && word.starts_with(['-', '+'])) {
            rest = more;
            stops |= option.starts_with('-') && !option.starts_with("--") && option.contains('e');
            if option == "-o" {
                rest = rest.get(1..).unwrap_or(&[]);
            }
            if option.starts_with('-') && !option.starts_with("--") && option.contains('c') {
                let Some((script, more)) = rest.split_first() else {
                    return self.fail("sh: -c requires an argument", 2, streams);
                };
                let zero = if more.is_empty() { vec!["sh".to_owned()] } else { more.to_vec() };
                let script = if stops { format!("set -e\n{script}") } else { script.clone() };
                return self.script(&script, zero, streams);
            }
        }
        let script = match rest.first() {
            None => streams.stdin.clone(),
            Some(file) => match self.file(&self.absolute(file)) {
                Some(content) => content,
                None => return self.fail(&format!("sh: can't open '{file}': No such file or directory"), 2, streams),
            },
        };
        if rest.is_empty() && script.is_empty() {
            return self.done(0);
        }
        let zero = if rest.is_empty() { vec!["sh".to_owned()] } else { rest.to_vec() };
        self.script(&String::from_utf8_lossy(&script), zero, streams)
    }

    /// Programs that only call another.
    fn wrapped(&mut self, name: &str, arguments: &[String], streams: &Streams) -> Flow {
        let first = arguments.iter().position(|word| !word.starts_with('-')).unwrap_or(arguments.len());
        if name == "command" && arguments.first().is_some_and(|option| option == "-v") {
            let wanted = arguments.get(1).cloned().unwrap_or_default();
            return self.say(&wanted, streams);
        }
        let flow = self.program(&arguments[first..], streams);
        if name == "exec" && flow == Flow::Go && first < arguments.len() { Flow::Exit(self.status) } else { flow }
    }

    fn env(&mut self, arguments: &[String], streams: &Streams) -> Flow {
        let first = arguments.iter().position(|word| !word.contains('=') && !word.starts_with('-')).unwrap_or(arguments.len());
        let outer = self.view.environment.clone();
        for (name, value) in arguments[..first].iter().filter_map(|word| word.split_once('=')) {
            self.view.environment.insert(name.to_owned(), value.to_owned());
        }
        let flow = match first < arguments.len() {
            true => self.program(&arguments[first..], streams),
            false => self.printenv(&[], streams),
        };
        self.view.environment = outer;
        flow
    }

    fn printenv(&mut self, names: &[String], streams: &Streams) -> Flow {
        if names.is_empty() {
            let all: String = self.view.environment.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
            self.write(&streams.out, all.as_bytes());
            return self.done(0);
        }
        let mut status = 0;
        for name in names {
            match self.view.environment.get(name).cloned() {
                Some(value) => self.write(&streams.out, format!("{value}\n").as_bytes()),
                None => status = 1,
            }
        }
        self.done(status)
    }

    fn timeout(&mut self, arguments: &[String], streams: &Streams) -> Flow {
        let rest: Vec<&String> = arguments.iter().skip_while(|word| word.starts_with('-')).collect();
        let Some(limit) = rest.first().and_then(|word| duration(word)) else {
            return self.fail("timeout: invalid time interval", 125, streams);
        };
        let words: Vec<String> = rest.iter().skip(1).map(|word| (*word).clone()).collect();
        let ends = self.now.saturating_add(limit);
        let outer = self.until;
        self.until = outer.min(ends);
        let flow = self.program(&words, streams);
        self.until = outer;
        if flow != Flow::Pause || self.trace.unknown.is_some() || outer < ends {
            return flow;
        }
        // The program would have gone on: at the limit it is ended, and what called it goes on.
        self.trace.next = None;
        self.now = ends;
        self.done(143)
    }

    fn sleep(&mut self, arguments: &[String], streams: &Streams) -> Flow {
        if arguments.is_empty() {
            return self.fail("sleep: missing operand", 1, streams);
        }
        let mut time = SignedDuration::ZERO;
        for word in arguments {
            match duration(word) {
                Some(more) => time = time.saturating_add(more),
                None if word == "infinity" || word == "inf" => return self.stay(),
                None => return self.fail(&format!("sleep: invalid number '{word}'"), 1, streams),
            }
        }
        self.status = 0;
        self.wait(time)
    }

    fn options(&mut self, arguments: &[String]) -> Flow {
        for option in arguments {
            let letters = option.trim_start_matches(['-', '+']);
            if letters.contains('e') && option.len() <= 5 && option.starts_with(['-', '+']) {
                self.stop_on_failure(option.starts_with('-'));
            }
        }
        self.done(0)
    }

    fn export(&mut self, arguments: &[String]) -> Flow {
        for word in arguments.iter().filter(|word| !word.starts_with('-')) {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, value.to_owned()),
                None => (word.as_str(), self.variable(word).unwrap_or("").to_owned()),
            };
            if is_name(name) {
                self.variables.remove(name);
                self.view.environment.insert(name.to_owned(), value);
            }
        }
        self.done(0)
    }

    fn change_directory(&mut self, arguments: &[String], streams: &Streams) -> Flow {
        let wanted = arguments.first().map_or("/", String::as_str).to_owned();
        let path = self.absolute(&wanted);
        if !self.is_directory(&path) {
            return self.fail(&format!("sh: cd: can't cd to {wanted}: No such file or directory"), 2, streams);
        }
        self.view.directory = path;
        self.done(0)
    }

    fn test(&mut self, name: &str, arguments: &[String], streams: &Streams) -> Flow {
        let words = match (name, arguments.split_last()) {
            ("[", Some((last, rest))) if last == "]" => rest,
            ("[", _) => return self.fail("sh: missing ]", 2, streams),
            _ => arguments,
        };
        match test::holds(self, words) {
            Some(holds) => self.done(i32::from(!holds)),
            None => self.fail(&format!("sh: {}: unknown operand", words.first().map_or("", String::as_str)), 2, streams),
        }
    }

    fn echo(&mut self, arguments: &[String], streams: &Streams) -> Flow {
        let is_option = |word: &&String| word.len() > 1 && word.starts_with('-') && word[1..].chars().all(|c| "neE".contains(c));
        let options: String = arguments.iter().take_while(is_option).flat_map(|word| word[1..].chars()).collect();
        let count = arguments.iter().take_while(is_option).count();
        let mut text = arguments[count..].join(" ");
        if options.contains('e') {
            text = escapes(&text);
        }
        if !options.contains('n') {
            text.push('\n');
        }
        self.write(&streams.out, text.as_bytes());
        self.done(0)
    }

    fn printf(&mut self, arguments: &[String], streams: &Streams) -> Flow {
        let Some((format, values)) = arguments.split_first() else {
            return self.fail("printf: usage: printf format [arguments]", 2, streams);
        };
        let mut values = values.iter();
        let mut text = String::new();
        loop {
            let before = values.len();
            let mut chars = format.chars();
            let mut plain = String::new();
            while let Some(next) = chars.next() {
                if next != '%' {
                    plain.push(next);
                    continue;
                }
                text.push_str(&escapes(&std::mem::take(&mut plain)));
                match chars.find(|c| !c.is_ascii_digit() && !"-+ .#".contains(*c)) {
                    Some('%') => text.push('%'),
                    Some('d' | 'i' | 'u') => text.push_str(values.next().map_or("0", |value| value.trim())),
                    Some('b') => text.push_str(&escapes(values.next().map_or("", String::as_str))),
                    _ => text.push_str(values.next().map_or("", String::as_str)),
                }
            }
            text.push_str(&escapes(&plain));
            if values.len() == 0 || values.len() == before {
                break;
            }
        }
        self.write(&streams.out, text.as_bytes());
        self.done(0)
    }

    fn id(&mut self, arguments: &[String], streams: &Streams) -> Flow {
        let user = self.view.user;
        match arguments.first().map(String::as_str) {
            Some("-u" | "-g") => self.say(&user.to_string(), streams),
            _ if user == 0 => self.say("uid=0(root) gid=0(root) groups=0(root)", streams),
            _ => self.say(&format!("uid={user} gid=0(root) groups=0(root)"), streams),
        }
    }

    fn date(&mut self, arguments: &[String], streams: &Streams) -> Flow {
        let at = self.started.saturating_add(self.now).unwrap_or(self.started);
        let format = arguments.iter().find_map(|word| word.strip_prefix('+')).unwrap_or("%a %b %e %H:%M:%S UTC %Y").to_owned();
        match jiff::fmt::strtime::format(format.as_bytes(), at) {
            Ok(text) => self.say(&text, streams),
            Err(_) => self.fail(&format!("date: invalid date '+{format}'"), 1, streams),
        }
    }

    fn seq(&mut self, arguments: &[String], streams: &Streams) -> Flow {
        let numbers: Option<Vec<i64>> = arguments.iter().map(|word| word.parse().ok()).collect();
        let (first, step, last) = match numbers.as_deref() {
            Some([last]) => (1, 1, *last),
            Some([first, last]) => (*first, 1, *last),
            Some([first, step, last]) if *step != 0 => (*first, *step, *last),
            _ => return self.fail("seq: invalid number", 1, streams),
        };
        let mut text = String::new();
        let mut next = first;
        while (if step > 0 { next <= last } else { next >= last }) && text.len() < 100_000 {
            text.push_str(&format!("{next}\n"));
            next = next.saturating_add(step);
        }
        self.write(&streams.out, text.as_bytes());
        self.done(0)
    }

    fn uname(&mut self, arguments: &[String], streams: &Streams) -> Flow {
        match arguments.first().map(String::as_str) {
            None | Some("-s") => self.say("Linux", streams),
            Some("-m") => self.say("x86_64", streams),
            Some("-n") => self.say(&self.view.hostname.clone(), streams),
            Some(_) => self.unknown("uname -a: azlet has no kernel"),
        }
    }
}

/// A time as `sleep` reads it: `5`, `0.5`, `2m`.
fn duration(word: &str) -> Option<SignedDuration> {
    let (number, unit) = match word.chars().last()? {
        's' => (&word[..word.len() - 1], 1.0),
        'm' => (&word[..word.len() - 1], 60.0),
        'h' => (&word[..word.len() - 1], 3_600.0),
        'd' => (&word[..word.len() - 1], 86_400.0),
        _ => (word, 1.0),
    };
    let plain = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let seconds = plain.then(|| number.parse::<f64>().ok()).flatten()? * unit;
    Some(SignedDuration::try_from_secs_f64(seconds.min(1e12)).unwrap_or(SignedDuration::MAX))
}

/// `\n`, `\t` and the like as what they mean.
fn escapes(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(next) = chars.next() {
        if next != '\\' {
            out.push(next);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('a') => out.push('\u{7}'),
            Some('e') => out.push('\u{1b}'),
            Some('0') => out.push('\0'),
            Some('\\') => out.push('\\'),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

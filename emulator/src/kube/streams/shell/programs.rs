//! What the shell does itself, and the programs that tell or decide something; those over files are in `tools.rs`, those over text in
//! `filters.rs`, `tar` in `archive.rs`.

use jiff::SignedDuration;

use super::files::absolute;
use super::grammar::is_name;
use super::{Flow, Shell, Streams, archive, filters, tools};

/// A program: what it is given, and its exit code.
pub(super) type Program = fn(&mut Shell, &[String], &Streams) -> i32;

/// A program by its name.
pub(super) fn find(name: &str) -> Option<Program> {
    Some(match name {
        "true" => |_, _, _| 0,
        "false" => |_, _, _| 1,
        "echo" => echo,
        "printf" => printf,
        "env" | "printenv" => environment,
        "pwd" => pwd,
        "test" | "[" => test,
        "id" => id,
        "whoami" => whoami,
        "hostname" => hostname,
        "date" => date,
        "sleep" => sleep,
        "uname" => uname,
        "tar" => archive::tar,
        name => return tools::find(name).or_else(|| filters::find(name)),
    })
}

/// What only the shell itself can do. None if this is not for it.
pub(super) fn of_the_shell(shell: &mut Shell, words: &[String], streams: &Streams) -> Option<i32> {
    let (name, arguments) = words.split_first()?;
    Some(match name.as_str() {
        ":" | "set" | "wait" | "trap" | "umask" | "ulimit" => 0,
        "cd" => cd(shell, arguments.first().map(String::as_str), streams),
        "export" | "readonly" => {
            for argument in arguments {
                let (name, value) =
                    argument.split_once('=').map_or((argument.as_str(), None), |(name, value)| (name, Some(value)));
                if !is_name(name) {
                    shell.tell(streams, &format!("sh: 1: export: {name}: bad variable name\n"));
                    return Some(2);
                }
                let value = value.map(str::to_owned).or_else(|| shell.variable(name)).unwrap_or_default();
                shell.variables.shift_remove(name);
                shell.environment.insert(name.to_owned(), value);
            }
            0
        }
        "unset" => {
            for name in arguments {
                shell.variables.shift_remove(name);
                shell.environment.shift_remove(name);
            }
            0
        }
        "break" => leave(shell, Flow::Break),
        "continue" => leave(shell, Flow::Continue),
        "exit" | "return" => {
            let code = arguments.first().map_or(Ok(shell.status), |code| code.parse::<i32>());
            shell.flow = Flow::Exit;
            code.unwrap_or_else(|_| {
                shell.tell(streams, &format!("sh: 1: exit: Illegal number: {}\n", arguments[0]));
                2
            }) & 0xff
        }
        "exec" if arguments.is_empty() => 0,
        "exec" => {
            let code = shell.command(arguments, streams);
            shell.flow = Flow::Exit;
            code
        }
        "eval" => shell.script(&arguments.join(" "), streams),
        "shift" => {
            if shell.arguments.len() > 1 {
                shell.arguments.remove(1);
            }
            0
        }
        "read" => read(shell, arguments),
        "command" | "type" if arguments.first().is_some_and(|word| word == "-v") || name == "type" => {
            let asked = arguments.last().cloned().unwrap_or_default();
            if !shell.has(&asked) {
                return Some(127);
            }
            shell.say_out(streams, format!("/bin/{asked}\n").as_bytes());
            0
        }
        _ => return None,
    })
}

fn leave(shell: &mut Shell, flow: Flow) -> i32 {
    shell.flow = flow;
    0
}

fn cd(shell: &mut Shell, target: Option<&str>, streams: &Streams) -> i32 {
    let home = shell.variable("HOME").unwrap_or_else(|| "/root".into());
    let asked = target.unwrap_or(&home);
    let path = absolute(&shell.directory, asked);
    if shell.files.entry(&path).is_some_and(|entry| entry.is_directory()) {
        shell.directory = path;
        return 0;
    }
    let asked = asked.to_owned();
    shell.tell(streams, &format!("sh: 1: cd: can't cd to {asked}\n"));
    2
}

/// A line of the standard input into variables; the last takes the rest.
fn read(shell: &mut Shell, arguments: &[String]) -> i32 {
    if shell.stdin.is_empty() {
        return 1;
    }
    let end = shell.stdin.iter().position(|byte| *byte == b'\n');
    let line = shell.stdin.split_to(end.unwrap_or(shell.stdin.len()));
    if end.is_some() {
        let _ = shell.stdin.split_to(1);
    }
    let line = String::from_utf8_lossy(&line).into_owned();
    let names: Vec<&String> = arguments.iter().filter(|name| is_name(name)).collect();
    let mut rest = line.trim();
    for (index, name) in names.iter().enumerate() {
        let (first, behind) =
            if index + 1 == names.len() { (rest, "") } else { rest.split_once(char::is_whitespace).unwrap_or((rest, "")) };
        shell.set(name, first.to_owned());
        rest = behind.trim_start();
    }
    0
}

fn echo(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let (mut newline, mut escapes) = (true, false);
    let flags = arguments.iter().take_while(|word| matches!(word.as_str(), "-n" | "-e" | "-E" | "-ne" | "-en"));
    let count =
        flags.inspect(|word| (newline, escapes) = (newline && !word.contains('n'), word.contains('e') || escapes)).count();
    let mut text = arguments[count..].join(" ");
    if escapes {
        text = escaped(&text);
    }
    if newline {
        text.push('\n');
    }
    shell.say_out(streams, text.as_bytes());
    0
}

/// Text with `\n`, `\t` and their kin resolved.
fn escaped(text: &str) -> String {
    let (mut result, mut chars) = (String::new(), text.chars());
    while let Some(next) = chars.next() {
        if next != '\\' {
            result.push(next);
            continue;
        }
        match chars.next() {
            Some('n') => result.push('\n'),
            Some('t') => result.push('\t'),
            Some('r') => result.push('\r'),
            Some('\\') => result.push('\\'),
            Some('0') => result.push('\0'),
            Some(other) => result.extend(['\\', other]),
            None => result.push('\\'),
        }
    }
    result
}

fn printf(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let Some((format, values)) = arguments.split_first() else {
        shell.tell(streams, "printf: usage: printf format [arg ...]\n");
        return 2;
    };
    let mut values = values.iter().peekable();
    let mut text = String::new();
    loop {
        let before = values.len();
        formatted(&escaped(format), &mut values, &mut text);
        if values.peek().is_none() || values.len() == before {
            break;
        }
    }
    shell.say_out(streams, text.as_bytes());
    0
}

fn formatted<'a>(format: &str, values: &mut impl Iterator<Item = &'a String>, text: &mut String) {
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let end = rest.find(|c: char| c.is_ascii_alphabetic() || c == '%').unwrap_or(rest.len());
        let (options, behind) = rest.split_at(end);
        let width =
            options.trim_start_matches(['-', '0', '+', ' ']).split('.').next().and_then(|width| width.parse().ok()).unwrap_or(0);
        let width: usize = usize::min(width, 4096);
        let value = |values: &mut dyn Iterator<Item = &'a String>| values.next().cloned().unwrap_or_default();
        let shown = match behind.chars().next() {
            Some('%') => "%".into(),
            Some('s' | 'c') => value(values),
            Some('b') => escaped(&value(values)),
            Some('d' | 'i' | 'u') => value(values).trim().parse::<i64>().unwrap_or(0).to_string(),
            Some('x') => format!("{:x}", value(values).trim().parse::<i64>().unwrap_or(0)),
            _ => String::new(),
        };
        let padded = match (options.starts_with('-'), options.starts_with('0')) {
            (true, _) => format!("{shown:<width$}"),
            (_, true) => format!("{shown:0>width$}"),
            _ => format!("{shown:>width$}"),
        };
        text.push_str(&padded);
        rest = behind.chars().next().map_or("", |c| &behind[c.len_utf8()..]);
    }
    text.push_str(rest);
}

/// `env [NAME=VALUE…] [COMMAND…]` and `printenv [NAME…]`.
fn environment(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let set = arguments.iter().take_while(|word| word.contains('=')).count();
    let rest = &arguments[set..];
    if set == 0 && !rest.is_empty() && !shell.has(&rest[0]) {
        let mut code = 0;
        for name in rest {
            match shell.environment.get(name).cloned() {
                Some(value) => shell.say_out(streams, format!("{value}\n").as_bytes()),
                None => code = 1,
            }
        }
        return code;
    }
    let before = shell.environment.clone();
    for (name, value) in arguments[..set].iter().filter_map(|word| word.split_once('=')) {
        shell.environment.insert(name.to_owned(), value.to_owned());
    }
    let code = if rest.is_empty() {
        let text: String = shell.environment.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        shell.say_out(streams, text.as_bytes());
        0
    } else if shell.has(&rest[0]) {
        shell.program(rest, streams)
    } else {
        shell.tell(streams, &format!("env: '{}': No such file or directory\n", rest[0]));
        127
    };
    shell.environment = before;
    code
}

fn pwd(shell: &mut Shell, _: &[String], streams: &Streams) -> i32 {
    let here = shell.variable("PWD").unwrap_or_default();
    shell.say_out(streams, format!("{here}\n").as_bytes());
    0
}

fn test(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let words: Vec<&str> = arguments.iter().map(String::as_str).filter(|word| *word != "]").collect();
    match holds(shell, &words) {
        Some(holds) => i32::from(!holds),
        None => {
            shell.tell(streams, "sh: 1: [: unexpected operator\n");
            2
        }
    }
}

fn holds(shell: &Shell, words: &[&str]) -> Option<bool> {
    if let Some(at) = words.iter().position(|word| *word == "-o") {
        return Some(holds(shell, &words[..at])? || holds(shell, &words[at + 1..])?);
    }
    if let Some(at) = words.iter().position(|word| *word == "-a") {
        return Some(holds(shell, &words[..at])? && holds(shell, &words[at + 1..])?);
    }
    let entry = |path: &str| shell.files.entry(&absolute(&shell.directory, path));
    Some(match words {
        [] => false,
        ["!", rest @ ..] => !holds(shell, rest)?,
        [word] => !word.is_empty(),
        ["-n", word] => !word.is_empty(),
        ["-z", word] => word.is_empty(),
        ["-e" | "-r", path] => entry(path).is_some(),
        ["-w", path] => entry(path).is_some(),
        ["-f", path] => entry(path).is_some_and(|entry| !entry.is_directory()),
        ["-d", path] => entry(path).is_some_and(|entry| entry.is_directory()),
        ["-s", path] => entry(path).is_some_and(|entry| entry.size() > 0),
        ["-x", path] => entry(path).is_some_and(|entry| entry.mode & 0o111 != 0) || shell.has(path),
        ["-t" | "-L" | "-h", _] => false,
        [left, "=" | "==", right] => left == right,
        [left, "!=", right] => left != right,
        [left, operator, right] => {
            let (left, right) = (left.trim().parse::<i64>().ok()?, right.trim().parse::<i64>().ok()?);
            match *operator {
                "-eq" => left == right,
                "-ne" => left != right,
                "-lt" => left < right,
                "-le" => left <= right,
                "-gt" => left > right,
                "-ge" => left >= right,
                _ => return None,
            }
        }
        _ => return None,
    })
}

fn user_name(id: i64) -> Option<&'static str> {
    match id {
        0 => Some("root"),
        65534 => Some("nobody"),
        _ => None,
    }
}

fn id(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let (user, group) = shell.facts.user;
    let shown = |id: i64| user_name(id).map_or_else(|| id.to_string(), |name| format!("{id}({name})"));
    let text = match arguments.first().map(String::as_str) {
        Some("-u") => user.to_string(),
        Some("-g") => group.to_string(),
        Some("-un") => return whoami(shell, &[], streams),
        _ => format!("uid={} gid={} groups={}", shown(user), shown(group), shown(group)),
    };
    shell.say_out(streams, format!("{text}\n").as_bytes());
    0
}

fn whoami(shell: &mut Shell, _: &[String], streams: &Streams) -> i32 {
    let id = shell.facts.user.0;
    match user_name(id) {
        Some(name) => {
            shell.say_out(streams, format!("{name}\n").as_bytes());
            0
        }
        None => {
            shell.tell(streams, &format!("whoami: cannot find name for user ID {id}\n"));
            1
        }
    }
}

fn hostname(shell: &mut Shell, _: &[String], streams: &Streams) -> i32 {
    let text = format!("{}\n", shell.facts.hostname);
    shell.say_out(streams, text.as_bytes());
    0
}

fn date(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let now = shell.now();
    let format = arguments.iter().find_map(|word| word.strip_prefix('+')).unwrap_or("%a %b %e %H:%M:%S UTC %Y");
    match jiff::fmt::strtime::format(format, now) {
        Ok(text) => {
            shell.say_out(streams, format!("{text}\n").as_bytes());
            0
        }
        Err(_) => {
            shell.tell(streams, &format!("date: invalid date format '{format}'\n"));
            1
        }
    }
}

fn sleep(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let Some(asked) = arguments.first() else {
        shell.tell(streams, "sleep: missing operand\nTry 'sleep --help' for more information.\n");
        return 1;
    };
    if matches!(asked.as_str(), "infinity" | "inf") {
        shell.endless = true;
        shell.flow = Flow::Exit;
        return 0;
    }
    let (number, unit) = asked.split_at(asked.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(asked.len()));
    let unit = match unit {
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => f64::NAN,
    };
    match number.parse::<f64>().ok().and_then(|number| SignedDuration::try_from_secs_f64(number * unit).ok()) {
        Some(time) if !time.is_negative() => {
            shell.sleep(time);
            0
        }
        _ => {
            shell.tell(streams, &format!("sleep: invalid time interval '{asked}'\nTry 'sleep --help' for more information.\n"));
            1
        }
    }
}

fn uname(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let host = shell.facts.hostname.clone();
    let text = match arguments.first().map(String::as_str) {
        Some("-a") => format!("Linux {host} 5.15.0-1092-azure #101-Ubuntu SMP x86_64 GNU/Linux"),
        Some("-n") => host,
        Some("-m") => "x86_64".into(),
        Some("-r") => "5.15.0-1092-azure".into(),
        _ => "Linux".into(),
    };
    shell.say_out(streams, format!("{text}\n").as_bytes());
    0
}

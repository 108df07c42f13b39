//! Programs over text: `head`, `tail`, `wc`, `grep`, `sort`, `uniq`, `cut`, `tr`, `tee`, `seq`, `base64`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex_lite::RegexBuilder;

use super::files::absolute;
use super::programs::Program;
use super::tools::{flags, input};
use super::{Shell, Streams};

pub(super) fn find(name: &str) -> Option<Program> {
    Some(match name {
        "head" => head,
        "tail" => tail,
        "wc" => wc,
        "grep" => grep,
        "sort" => sort,
        "uniq" => uniq,
        "cut" => cut,
        "tr" => tr,
        "tee" => tee,
        "seq" => seq,
        "base64" => base_64,
        _ => return None,
    })
}

/// What files hold, or the standard input; a file that cannot be read is told.
fn text_of(shell: &mut Shell, program: &str, paths: &[&String], streams: &Streams) -> (Vec<u8>, i32) {
    if paths.is_empty() {
        return (std::mem::take(&mut shell.stdin).to_vec(), 0);
    }
    let (mut text, mut code) = (Vec::new(), 0);
    for path in paths {
        match input(shell, path) {
            Ok(content) => text.extend_from_slice(&content),
            Err(trouble) => {
                shell.tell(streams, &format!("{program}: {path}: {trouble}\n"));
                code = 1;
            }
        }
    }
    (text, code)
}

/// Takes `-n 5`, `-n5` or `-5` out of arguments.
fn count(arguments: &[String], letter: char) -> (Option<String>, Vec<String>) {
    let (mut found, mut rest) = (None, Vec::new());
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let value = word.strip_prefix('-').and_then(|flag| {
            flag.strip_prefix(letter)
                .map(str::to_owned)
                .or_else(|| (letter == 'n' && flag.parse::<u64>().is_ok()).then(|| flag.to_owned()))
        });
        match value {
            Some(value) if value.is_empty() => found = words.next().cloned(),
            Some(value) => found = Some(value),
            None => rest.push(word.clone()),
        }
    }
    (found, rest)
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

fn head(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let (bytes, rest) = count(arguments, 'c');
    let (wanted, rest) = count(&rest, 'n');
    let (text, code) = text_of(shell, "head", &rest.iter().collect::<Vec<_>>(), streams);
    let taken = match bytes.and_then(|bytes| bytes.parse().ok()) {
        Some(bytes) => text[..usize::min(bytes, text.len())].to_vec(),
        None => lines(&text)
            .into_iter()
            .take(wanted.and_then(|wanted| wanted.parse().ok()).unwrap_or(10))
            .flatten()
            .copied()
            .collect(),
    };
    shell.say_out(streams, &taken);
    code
}

fn tail(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let (bytes, rest) = count(arguments, 'c');
    let (wanted, rest) = count(&rest, 'n');
    let (text, code) = text_of(shell, "tail", &rest.iter().collect::<Vec<_>>(), streams);
    // `+N` counts from the start, N from the end.
    let start = |asked: &str, all: usize| match asked.strip_prefix('+') {
        Some(from) => from.parse::<usize>().unwrap_or(1).saturating_sub(1).min(all),
        None => all.saturating_sub(asked.trim_start_matches('-').parse().unwrap_or(10)),
    };
    let taken = match bytes {
        Some(bytes) => text[start(&bytes, text.len())..].to_vec(),
        None => {
            let lines = lines(&text);
            lines[start(wanted.as_deref().unwrap_or("10"), lines.len())..].concat()
        }
    };
    shell.say_out(streams, &taken);
    code
}

fn wc(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let (letters, paths) = flags(arguments);
    let name = paths.first().map(|path| format!(" {path}")).unwrap_or_default();
    let (text, code) = text_of(shell, "wc", &paths, streams);
    let lines = text.iter().filter(|byte| **byte == b'\n').count();
    let words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count();
    let counts: Vec<String> = [('l', lines), ('w', words), ('c', text.len())]
        .into_iter()
        .filter(|(letter, _)| letters.is_empty() || letters.contains(*letter))
        .map(|(_, count)| if letters.len() == 1 { count.to_string() } else { format!("{count:>7}") })
        .collect();
    shell.say_out(streams, format!("{}{name}\n", counts.join(" ")).as_bytes());
    code
}

fn grep(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let (letters, paths) = flags(arguments);
    let Some((pattern, paths)) = paths.split_first() else {
        shell.tell(streams, "Usage: grep [OPTION]... PATTERNS [FILE]...\n");
        return 2;
    };
    let pattern = if letters.contains('F') { regex_lite::escape(pattern) } else { (*pattern).clone() };
    let Ok(expression) = RegexBuilder::new(&pattern).case_insensitive(letters.contains('i')).build() else {
        shell.tell(streams, "grep: Invalid regular expression\n");
        return 2;
    };
    let (text, code) = text_of(shell, "grep", paths, streams);
    let text = String::from_utf8_lossy(&text).into_owned();
    let found: Vec<(usize, &str)> =
        text.lines().enumerate().filter(|(_, line)| expression.is_match(line) != letters.contains('v')).collect();
    let shown: String = match () {
        () if letters.contains('q') => String::new(),
        () if letters.contains('c') => format!("{}\n", found.len()),
        () if letters.contains('n') => found.iter().map(|(number, line)| format!("{}:{line}\n", number + 1)).collect(),
        () => found.iter().map(|(_, line)| format!("{line}\n")).collect(),
    };
    shell.say_out(streams, shown.as_bytes());
    if code != 0 { 2 } else { i32::from(found.is_empty()) }
}

fn sort(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let (letters, paths) = flags(arguments);
    let (text, code) = text_of(shell, "sort", &paths, streams);
    let text = String::from_utf8_lossy(&text).into_owned();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    if letters.contains('n') {
        lines.sort_by_key(|line| {
            line.trim().split(|c: char| !c.is_ascii_digit() && c != '-').next().and_then(|n| n.parse::<i64>().ok()).unwrap_or(0)
        });
    }
    if letters.contains('u') {
        lines.dedup();
    }
    if letters.contains('r') {
        lines.reverse();
    }
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    shell.say_out(streams, text.as_bytes());
    code
}

fn uniq(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let (_, paths) = flags(arguments);
    let (text, code) = text_of(shell, "uniq", &paths, streams);
    let text = String::from_utf8_lossy(&text).into_owned();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.dedup();
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    shell.say_out(streams, text.as_bytes());
    code
}

fn cut(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let (delimiter, rest) = count(arguments, 'd');
    let (field, rest) = count(&rest, 'f');
    let (text, code) = text_of(shell, "cut", &rest.iter().collect::<Vec<_>>(), streams);
    let delimiter = delimiter.filter(|delimiter| !delimiter.is_empty()).unwrap_or_else(|| "\t".into());
    let fields: Vec<usize> = field.unwrap_or_default().split(',').filter_map(|number| number.parse().ok()).collect();
    if fields.is_empty() {
        shell.tell(streams, "cut: you must specify a list of fields\n");
        return 1;
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    let shown: String = text
        .lines()
        .map(|line| {
            let parts: Vec<&str> = line.split(&delimiter).collect();
            let chosen: Vec<&str> = fields.iter().filter_map(|number| parts.get(number.checked_sub(1)?).copied()).collect();
            format!("{}\n", if parts.len() == 1 { line.to_owned() } else { chosen.join(&delimiter) })
        })
        .collect();
    shell.say_out(streams, shown.as_bytes());
    code
}

/// The characters of a set: `a-z`, `\n`.
fn set(text: &str) -> Vec<char> {
    let chars: Vec<char> = text.replace("\\n", "\n").replace("\\t", "\t").chars().collect();
    let (mut result, mut at) = (Vec::new(), 0);
    while at < chars.len() {
        match chars.get(at + 1..at + 3) {
            Some(['-', end]) if chars[at] <= *end => {
                result.extend((chars[at]..=*end).take(256));
                at += 3;
            }
            _ => {
                result.push(chars[at]);
                at += 1;
            }
        }
    }
    result
}

fn tr(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let (letters, sets) = flags(arguments);
    let from = sets.first().map(|text| set(text)).unwrap_or_default();
    let to = sets.get(1).map(|text| set(text)).unwrap_or_default();
    let text = String::from_utf8_lossy(&std::mem::take(&mut shell.stdin)).into_owned();
    let changed: String = text
        .chars()
        .filter_map(|c| match from.iter().position(|known| *known == c) {
            Some(_) if letters.contains('d') => None,
            Some(at) => to.get(at).or(to.last()).copied().or(Some(c)),
            None => Some(c),
        })
        .collect();
    shell.say_out(streams, changed.as_bytes());
    0
}

fn tee(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let (letters, paths) = flags(arguments);
    let text = std::mem::take(&mut shell.stdin);
    let mut code = 0;
    for path in paths {
        let full = absolute(&shell.directory, path);
        let before = if letters.contains('a') { shell.files.read(&full).unwrap_or_default() } else { bytes::Bytes::new() };
        if let Err(trouble) = shell.files.write(&full, [&before[..], &text].concat().into(), None, shell.now()) {
            shell.tell(streams, &format!("tee: {path}: {trouble}\n"));
            code = 1;
        }
    }
    shell.say_out(streams, &text);
    code
}

fn seq(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let numbers: Vec<i64> = arguments.iter().filter_map(|word| word.parse().ok()).collect();
    let (first, step, last) = match numbers.as_slice() {
        [last] => (1, 1, *last),
        [first, last] => (*first, 1, *last),
        [first, step, last] if *step != 0 => (*first, *step, *last),
        _ => {
            shell.tell(streams, "seq: invalid argument\n");
            return 1;
        }
    };
    let inside = |number: &i64| if step > 0 { *number <= last } else { *number >= last };
    let numbers =
        std::iter::successors(Some(first), |number| number.checked_add(step)).take_while(inside).take(super::MOST_COMMANDS);
    let text: String = numbers.map(|number| format!("{number}\n")).collect();
    shell.say_out(streams, text.as_bytes());
    0
}

fn base_64(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let (letters, paths) = flags(arguments);
    let (text, code) = text_of(shell, "base64", &paths, streams);
    if !letters.contains('d') && !arguments.iter().any(|word| word == "--decode") {
        let encoded = STANDARD.encode(text);
        let width = if letters.contains('w') { usize::MAX } else { 76 };
        let lines: String = encoded.as_bytes().chunks(width).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect();
        shell.say_out(streams, lines.as_bytes());
        return code;
    }
    let kept: Vec<u8> = text.into_iter().filter(|byte| !byte.is_ascii_whitespace()).collect();
    match STANDARD.decode(kept) {
        Ok(decoded) => {
            shell.say_out(streams, &decoded);
            code
        }
        Err(_) => {
            shell.tell(streams, "base64: invalid input\n");
            1
        }
    }
}

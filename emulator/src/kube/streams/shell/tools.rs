//! Programs over files: `cat`, `ls`, `cp`, `mv`, `rm`, `mkdir`, `touch`, `chmod`, `basename`, `dirname`, `readlink`.

use bytes::Bytes;

use super::files::{self, Entry, absolute};
use super::programs::Program;
use super::{Shell, Streams};

pub(super) fn find(name: &str) -> Option<Program> {
    Some(match name {
        "cat" => cat,
        "ls" => ls,
        "cp" => cp,
        "mv" => mv,
        "rm" => rm,
        "mkdir" => mkdir,
        "touch" => touch,
        "chmod" => chmod,
        "basename" => basename,
        "dirname" => dirname,
        "readlink" | "realpath" => readlink,
        _ => return None,
    })
}

/// The flags among arguments, each a letter, and the rest.
pub(super) fn flags(arguments: &[String]) -> (String, Vec<&String>) {
    let (mut letters, mut rest, mut over) = (String::new(), Vec::new(), false);
    for argument in arguments {
        match argument.strip_prefix('-') {
            Some("-") if !over => over = true,
            Some(flags) if !over && !flags.is_empty() && !flags.starts_with('-') => letters.push_str(flags),
            Some(flags) if !over && flags.starts_with('-') => {}
            _ => rest.push(argument),
        }
    }
    (letters, rest)
}

fn cat(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let (_, paths) = flags(arguments);
    if paths.is_empty() {
        let input = std::mem::take(&mut shell.stdin);
        shell.say_out(streams, &input);
        return 0;
    }
    let mut code = 0;
    for path in paths {
        match input(shell, path) {
            Ok(content) => shell.say_out(streams, &content),
            Err(trouble) => {
                shell.tell(streams, &format!("cat: {path}: {trouble}\n"));
                code = 1;
            }
        }
    }
    code
}

/// A file, or with `-` the standard input.
pub(super) fn input(shell: &mut Shell, path: &str) -> Result<Bytes, files::Trouble> {
    if path == "-" || path == "/dev/stdin" {
        return Ok(std::mem::take(&mut shell.stdin));
    }
    if path == "/dev/null" {
        return Ok(Bytes::new());
    }
    shell.files.read(&absolute(&shell.directory, path))
}

fn ls(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let (letters, mut paths) = flags(arguments);
    let here = ".".to_owned();
    if paths.is_empty() {
        paths.push(&here);
    }
    let many = paths.len() > 1;
    let (mut code, mut text) = (0, String::new());
    for path in paths {
        let full = absolute(&shell.directory, path);
        let Some(entry) = shell.files.entry(&full) else {
            shell.tell(streams, &format!("ls: cannot access '{path}': {}\n", files::ABSENT));
            code = 2;
            continue;
        };
        if !entry.is_directory() || letters.contains('d') {
            text.push_str(&line(path, &entry, &letters, shell.facts.user));
            continue;
        }
        if many {
            text.push_str(&format!("{}{path}:\n", if text.is_empty() { "" } else { "\n" }));
        }
        text.push_str(&directory(shell, &full, &letters));
    }
    shell.say_out(streams, text.as_bytes());
    code
}

fn directory(shell: &Shell, full: &str, letters: &str) -> String {
    let mut names = shell.files.list(full).unwrap_or_default();
    if letters.contains('a') {
        names.splice(0..0, [".".to_owned(), "..".to_owned()]);
    } else if !letters.contains('A') {
        names.retain(|name| !name.starts_with('.'));
    }
    let entries: Vec<(String, Entry)> =
        names.into_iter().filter_map(|name| Some((name.clone(), shell.files.entry(&absolute(full, &name))?))).collect();
    let mut text = String::new();
    if letters.contains('l') {
        let blocks: usize = entries.iter().map(|(_, entry)| entry.size().div_ceil(4096) * 4).sum();
        text.push_str(&format!("total {blocks}\n"));
    }
    entries.iter().for_each(|(name, entry)| text.push_str(&line(name, entry, letters, shell.facts.user)));
    text
}

fn line(name: &str, entry: &Entry, letters: &str, (user, group): (i64, i64)) -> String {
    if !letters.contains('l') {
        return format!("{name}\n");
    }
    let bit = |at: u32, letter: char| if entry.mode >> at & 1 == 1 { letter } else { '-' };
    let mode: String = (0..9).rev().zip("rwxrwxrwx".chars()).map(|(at, letter)| bit(at, letter)).collect();
    let kind = if entry.is_directory() { 'd' } else { '-' };
    let shown = |id: i64| if id == 0 { "root".to_owned() } else { id.to_string() };
    let links = if entry.is_directory() { 2 } else { 1 };
    let at = entry.at.strftime("%b %e %H:%M");
    format!("{kind}{mode} {links} {} {} {:>6} {at} {name}\n", shown(user), shown(group), entry.size())
}

/// Every path below a directory, the directory itself first.
pub(super) fn below(shell: &Shell, path: &str) -> Vec<String> {
    let mut found = vec![path.to_owned()];
    let mut at = 0;
    while at < found.len() && found.len() < 100_000 {
        let names = shell.files.list(&found[at]).unwrap_or_default();
        let more: Vec<String> = names.iter().map(|name| format!("{}/{name}", found[at])).collect();
        found.extend(more);
        at += 1;
    }
    found
}

fn cp(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let (letters, mut paths) = flags(arguments);
    let Some(target) = paths.pop().filter(|_| !paths.is_empty()) else {
        shell.tell(streams, "cp: missing file operand\nTry 'cp --help' for more information.\n");
        return 1;
    };
    let recursive = letters.contains(['r', 'R', 'a']);
    let mut code = 0;
    for path in paths {
        if let Err(message) = copy(shell, path, target, recursive) {
            shell.tell(streams, &format!("cp: {message}\n"));
            code = 1;
        }
    }
    code
}

/// Where something goes: into a directory, or under a new name.
fn destination(shell: &Shell, path: &str, target: &str) -> String {
    let full = absolute(&shell.directory, target);
    let name = absolute(&shell.directory, path);
    match shell.files.entry(&full) {
        Some(entry) if entry.is_directory() => format!("{full}/{}", name.rsplit('/').next().unwrap_or_default()),
        _ => full,
    }
}

fn copy(shell: &mut Shell, path: &str, target: &str, recursive: bool) -> Result<(), String> {
    let from = absolute(&shell.directory, path);
    let entry = shell.files.entry(&from).ok_or_else(|| format!("cannot stat '{path}': {}", files::ABSENT))?;
    if entry.is_directory() && !recursive {
        return Err(format!("-r not specified; omitting directory '{path}'"));
    }
    let to = destination(shell, path, target);
    if to == from || to.starts_with(&format!("{from}/")) {
        return Err(format!("cannot copy '{path}' into itself, '{target}'"));
    }
    for source in below(shell, &from) {
        let at = format!("{to}{}", &source[from.len()..]);
        let put = match shell.files.entry(&source) {
            Some(Entry { content: Some(content), mode, .. }) => shell.files.write(&at, content, Some(mode), shell.now()),
            Some(_) => shell.files.make_directory(&at, true, shell.now()),
            None => Ok(()),
        };
        put.map_err(|trouble| format!("cannot create regular file '{target}': {trouble}"))?;
    }
    Ok(())
}

fn mv(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let (_, paths) = flags(arguments);
    let [path, target] = paths.as_slice() else {
        shell.tell(streams, "mv: missing file operand\nTry 'mv --help' for more information.\n");
        return 1;
    };
    let moved = copy(shell, path, target, true).and_then(|()| {
        let from = absolute(&shell.directory, path);
        shell.files.remove(&from, true).map_err(|trouble| format!("cannot remove '{path}': {trouble}"))
    });
    match moved {
        Ok(()) => 0,
        Err(message) => {
            shell.tell(streams, &format!("mv: {message}\n"));
            1
        }
    }
}

/// Does something to each path; what fails is told.
fn with_each(
    shell: &mut Shell,
    streams: &Streams,
    paths: &[&String],
    act: impl Fn(&mut Shell, &str) -> Result<(), files::Trouble>,
    told: impl Fn(&str) -> String,
) -> i32 {
    let mut code = 0;
    for path in paths {
        let full = absolute(&shell.directory, path);
        if let Err(trouble) = act(shell, &full) {
            shell.tell(streams, &format!("{}: {trouble}\n", told(path)));
            code = 1;
        }
    }
    code
}

fn rm(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let (letters, paths) = flags(arguments);
    let (force, all) = (letters.contains('f'), letters.contains(['r', 'R']));
    let remove = |shell: &mut Shell, path: &str| match shell.files.remove(path, all) {
        Err(files::ABSENT) if force => Ok(()),
        other => other,
    };
    with_each(shell, streams, &paths, remove, |path| format!("rm: cannot remove '{path}'"))
}

fn mkdir(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let (letters, paths) = flags(arguments);
    let make = |shell: &mut Shell, path: &str| shell.files.make_directory(path, letters.contains('p'), shell.now());
    with_each(shell, streams, &paths, make, |path| format!("mkdir: cannot create directory '{path}'"))
}

fn touch(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let (_, paths) = flags(arguments);
    let touched = |shell: &mut Shell, path: &str| match shell.files.entry(path) {
        Some(entry) if entry.is_directory() => Ok(()),
        entry => {
            let content = entry.and_then(|entry| entry.content).unwrap_or_default();
            shell.files.write(path, content, None, shell.now())
        }
    };
    with_each(shell, streams, &paths, touched, |path| format!("touch: cannot touch '{path}'"))
}

fn chmod(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let Some((mode, paths)) = arguments.split_first() else { return 1 };
    let paths: Vec<&String> = paths.iter().collect();
    let wanted = u32::from_str_radix(mode, 8).ok();
    let change = |shell: &mut Shell, path: &str| {
        let before = shell.files.entry(path).ok_or(files::ABSENT)?.mode;
        let mode = match (wanted, mode.as_str()) {
            (Some(mode), _) => mode & 0o7777,
            (None, symbolic) if symbolic.ends_with("+x") => before | 0o111,
            (None, symbolic) if symbolic.ends_with("-x") => before & !0o111,
            (None, symbolic) if symbolic.ends_with("+w") => before | 0o200,
            (None, symbolic) if symbolic.ends_with("-w") => before & !0o222,
            _ => return Err("invalid mode"),
        };
        shell.files.set_mode(path, mode)
    };
    with_each(shell, streams, &paths, change, |path| format!("chmod: changing permissions of '{path}'"))
}

fn basename(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let path = arguments.first().map_or("", |path| path.trim_end_matches('/'));
    let name = path.rsplit('/').next().unwrap_or_default();
    let name = arguments.get(1).and_then(|suffix| name.strip_suffix(suffix.as_str())).unwrap_or(name);
    let text = format!("{name}\n");
    shell.say_out(streams, text.as_bytes());
    0
}

fn dirname(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let path = arguments.first().map_or("", String::as_str);
    let above = path.rsplit_once('/').map_or(".", |(above, _)| if above.is_empty() { "/" } else { above });
    let text = format!("{above}\n");
    shell.say_out(streams, text.as_bytes());
    0
}

fn readlink(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let (_, paths) = flags(arguments);
    let Some(path) = paths.first() else { return 1 };
    let full = absolute(&shell.directory, path);
    if shell.files.entry(&full).is_none() {
        return 1;
    }
    let text = format!("{}\n", if full.is_empty() { "/" } else { &full });
    shell.say_out(streams, text.as_bytes());
    0
}

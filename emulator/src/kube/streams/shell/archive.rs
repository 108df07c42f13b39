//! `tar` as `kubectl cp` uses it: writes an archive of files, and puts one out.

use std::io::Read as _;

use bytes::Bytes;

use super::files::{Entry, absolute, parent};
use super::tools::{below, input};
use super::{Shell, Streams};

/// What `tar` is asked for.
#[derive(Debug, Default)]
struct Wanted {
    create: bool,
    extract: bool,
    list: bool,
    verbose: bool,
    file: Option<String>,
    directory: Option<String>,
    paths: Vec<String>,
}

fn wanted(arguments: &[String]) -> Wanted {
    let mut wanted = Wanted::default();
    let mut words = arguments.iter().enumerate();
    while let Some((index, word)) = words.next() {
        let flags = match word.strip_prefix('-') {
            Some(long) if long.starts_with('-') => {
                match long.trim_start_matches('-').split_once('=') {
                    Some(("file", file)) => wanted.file = Some(file.to_owned()),
                    Some(("directory", directory)) => wanted.directory = Some(directory.to_owned()),
                    _ => {}
                }
                continue;
            }
            Some(flags) if !flags.is_empty() => flags,
            None if index == 0 => word,
            _ => {
                wanted.paths.push(word.clone());
                continue;
            }
        };
        for flag in flags.chars() {
            match flag {
                'c' => wanted.create = true,
                'x' => wanted.extract = true,
                't' => wanted.list = true,
                'v' => wanted.verbose = true,
                'f' => wanted.file = words.next().map(|(_, word)| word.clone()),
                'C' => wanted.directory = words.next().map(|(_, word)| word.clone()),
                _ => {}
            }
        }
    }
    wanted
}

/// Whether an archive comes from the standard input.
pub(super) fn reads_input(arguments: &[String]) -> bool {
    let wanted = wanted(arguments);
    (wanted.extract || wanted.list) && wanted.file.as_deref().is_none_or(|file| file == "-")
}

pub(super) fn tar(shell: &mut Shell, arguments: &[String], streams: &Streams) -> i32 {
    let wanted = wanted(arguments);
    let directory = absolute(&shell.directory, wanted.directory.as_deref().unwrap_or("."));
    if !shell.files.entry(&directory).is_some_and(|entry| entry.is_directory()) {
        let asked = wanted.directory.unwrap_or_default();
        shell.tell(
            streams,
            &format!("tar: {asked}: Cannot open: No such file or directory\ntar: Error is not recoverable: exiting now\n"),
        );
        return 2;
    }
    match (wanted.create, wanted.extract || wanted.list) {
        (true, false) => create(shell, &wanted, &directory, streams),
        (false, true) => put_out(shell, &wanted, &directory, streams),
        _ => {
            shell.tell(
                streams,
                "tar: You must specify one of the '-Acdtrux', '--delete' or '--test-label' options\nTry 'tar --help' or 'tar --usage' for \
                 more information.\n",
            );
            2
        }
    }
}

fn create(shell: &mut Shell, wanted: &Wanted, directory: &str, streams: &Streams) -> i32 {
    let (mut code, mut told) = (0, false);
    let mut builder = tar::Builder::new(Vec::new());
    for path in &wanted.paths {
        let full = absolute(directory, path);
        if shell.files.entry(&full).is_none() {
            shell.tell(streams, &format!("tar: {path}: Cannot stat: No such file or directory\n"));
            code = 2;
            continue;
        }
        if path.starts_with('/') && !told {
            shell.tell(streams, "tar: Removing leading `/' from member names\n");
            told = true;
        }
        let base = path.trim_start_matches('/').trim_end_matches('/');
        for source in below(shell, &full) {
            let Some(entry) = shell.files.entry(&source) else { continue };
            let name = format!("{base}{}", &source[full.len()..]);
            append(&mut builder, if name.is_empty() { "." } else { &name }, &entry);
        }
    }
    if code != 0 {
        shell.tell(streams, "tar: Exiting with failure status due to previous errors\n");
    }
    let archive = builder.into_inner().unwrap_or_default();
    match wanted.file.as_deref() {
        None | Some("-") => shell.say_out(streams, &archive),
        Some(file) => {
            if let Err(trouble) = shell.files.write(&absolute(directory, file), archive.into(), None, shell.now()) {
                shell.tell(streams, &format!("tar: {file}: Cannot open: {trouble}\n"));
                code = 2;
            }
        }
    }
    code
}

fn append(builder: &mut tar::Builder<Vec<u8>>, name: &str, entry: &Entry) {
    let mut header = tar::Header::new_gnu();
    header.set_mode(entry.mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(u64::try_from(entry.at.as_second()).unwrap_or_default());
    let content = entry.content.clone().unwrap_or_default();
    header.set_size(u64::try_from(content.len()).unwrap_or_default());
    let name = if entry.is_directory() { format!("{name}/") } else { name.to_owned() };
    header.set_entry_type(if entry.is_directory() { tar::EntryType::Directory } else { tar::EntryType::Regular });
    // A Vec takes everything; a name that no archive can hold is left out.
    let _ = builder.append_data(&mut header, name, &content[..]);
}

fn put_out(shell: &mut Shell, wanted: &Wanted, directory: &str, streams: &Streams) -> i32 {
    let file = wanted.file.as_deref().unwrap_or("-");
    let archive = match input(shell, file) {
        Ok(archive) => archive,
        Err(trouble) => {
            shell.tell(streams, &format!("tar: {file}: Cannot open: {trouble}\ntar: Error is not recoverable: exiting now\n"));
            return 2;
        }
    };
    match members(shell, &archive, wanted, directory, streams) {
        Ok(code) => code,
        Err(_) => {
            shell.tell(streams, "tar: Unexpected EOF in archive\ntar: Error is not recoverable: exiting now\n");
            2
        }
    }
}

fn members(shell: &mut Shell, archive: &Bytes, wanted: &Wanted, directory: &str, streams: &Streams) -> std::io::Result<i32> {
    let mut code = 0;
    let mut reader = tar::Archive::new(&archive[..]);
    for member in reader.entries()? {
        let mut member = member?;
        let name = String::from_utf8_lossy(&member.path_bytes()).into_owned();
        if wanted.list || wanted.verbose {
            shell.say_out(streams, format!("{name}\n").as_bytes());
        }
        if wanted.list {
            continue;
        }
        // A member stays below the directory, as GNU's tar makes sure.
        let path = format!("{directory}{}", absolute("", &name));
        let now = shell.now();
        let mode = member.header().mode().unwrap_or(0o644) & 0o7777;
        let put = match member.header().entry_type() {
            tar::EntryType::Directory => shell.files.make_directory(&path, true, now),
            tar::EntryType::Regular | tar::EntryType::Continuous => {
                let mut content = Vec::new();
                member.read_to_end(&mut content)?;
                let above = shell.files.make_directory(parent(&path), true, now);
                above.and_then(|()| shell.files.write(&path, content.into(), Some(mode), now))
            }
            _ => Err("azlet keeps no links and devices"),
        };
        if let Err(trouble) = put {
            shell.tell(streams, &format!("tar: {name}: Cannot open: {trouble}\n"));
            code = 2;
        }
    }
    if code != 0 {
        shell.tell(streams, "tar: Exiting with failure status due to previous errors\n");
    }
    Ok(code)
}

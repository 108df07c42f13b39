//! The programs that read and write files.

use std::sync::Arc;

use base64::Engine as _;

use super::run::{Flow, Machine, Streams};

impl Machine {
    pub(super) fn file_program(&mut self, name: &str, arguments: &[String], streams: &Streams) -> Flow {
        let names: Vec<String> = arguments.iter().filter(|word| !word.starts_with('-') || *word == "-").cloned().collect();
        match name {
            "touch" => {
                for path in names.iter().map(|name| self.absolute(name)).collect::<Vec<_>>() {
                    let content = self.file(&path).map(|content| content.to_vec());
                    self.put_file(&path, Some(content.unwrap_or_default()));
                }
                self.done(0)
            }
            "mkdir" => {
                for path in names.iter().map(|name| self.absolute(name)).collect::<Vec<_>>() {
                    self.put_file(&format!("{}/.", path.trim_end_matches('/')), Some(Vec::new()));
                }
                self.done(0)
            }
            "rm" => self.rm(arguments, &names, streams),
            "mv" | "cp" => self.copy(name, &names, streams),
            "ls" => self.list_files(&names, streams),
            "tee" => {
                let content = streams.stdin.clone();
                self.write(&streams.out, &content);
                for path in names.iter().map(|name| self.absolute(name)).collect::<Vec<_>>() {
                    self.put_file(&path, Some(content.to_vec()));
                }
                self.done(0)
            }
            "grep" => self.grep(arguments, streams),
            "head" | "tail" => self.ends(name, arguments, streams),
            _ => match self.read(name, &names, streams) {
                Ok(content) => self.converted(name, arguments, &content, streams),
                Err(flow) => flow,
            },
        }
    }

    fn converted(&mut self, name: &str, arguments: &[String], content: &[u8], streams: &Streams) -> Flow {
        let text = String::from_utf8_lossy(content);
        match name {
            "wc" => {
                let count = match arguments.iter().find(|word| word.starts_with('-')).map(String::as_str) {
                    Some("-l") => text.matches('\n').count(),
                    Some("-w") => text.split_whitespace().count(),
                    _ => content.len(),
                };
                self.say(&count.to_string(), streams)
            }
            "sort" => {
                let mut lines: Vec<&str> = text.lines().collect();
                lines.sort_unstable();
                let sorted: String = lines.iter().map(|line| format!("{line}\n")).collect();
                self.write(&streams.out, sorted.as_bytes());
                self.done(0)
            }
            "base64" if arguments.iter().any(|word| word == "-d" || word == "--decode") => {
                let bare: String = text.split_whitespace().collect();
                match base64::engine::general_purpose::STANDARD.decode(bare) {
                    Ok(bytes) => {
                        self.write(&streams.out, &bytes);
                        self.done(0)
                    }
                    Err(_) => self.fail("base64: invalid input", 1, streams),
                }
            }
            "base64" => self.say(&base64::engine::general_purpose::STANDARD.encode(content), streams),
            _ => {
                self.write(&streams.out, content);
                self.done(0)
            }
        }
    }

    /// What the named files hold, one after another; the standard input if none is named.
    fn read(&mut self, program: &str, names: &[String], streams: &Streams) -> Result<Vec<u8>, Flow> {
        if names.is_empty() {
            return Ok(streams.stdin.to_vec());
        }
        let (mut content, mut missing) = (Vec::new(), false);
        for name in names {
            let path = self.absolute(name);
            let found = if name == "-" { Some(streams.stdin.clone()) } else { self.special(&path).or_else(|| self.file(&path)) };
            match found {
                Some(found) => content.extend_from_slice(&found),
                None if self.is_directory(&path) => {
                    missing = true;
                    self.write(&streams.err, format!("{program}: read error: Is a directory\n").as_bytes());
                }
                None => {
                    missing = true;
                    let line = format!("{program}: can't open '{name}': No such file or directory\n");
                    self.write(&streams.err, line.as_bytes());
                }
            }
        }
        if !missing {
            return Ok(content);
        }
        self.write(&streams.out, &content);
        Err(self.done(1))
    }

    fn special(&self, path: &str) -> Option<Arc<[u8]>> {
        match path {
            "/dev/null" => Some([].into()),
            "/etc/hostname" if self.file(path).is_none() => Some(format!("{}\n", self.view.hostname).into_bytes().into()),
            _ => None,
        }
    }

    pub(super) fn is_directory(&self, path: &str) -> bool {
        let known = ["/", "/tmp", "/etc", "/var", "/home", "/root", "/usr", "/bin", "/dev", "/proc", "/opt"];
        let prefix = format!("{}/", path.trim_end_matches('/'));
        let next = self.view.files.range(prefix.clone()..).next();
        known.contains(&path) || path == self.view.directory || next.is_some_and(|(file, _)| file.starts_with(&prefix))
    }

    fn below(&self, path: &str) -> Vec<String> {
        let prefix = format!("{}/", path.trim_end_matches('/'));
        let files = self.view.files.range(prefix.clone()..).take_while(|(file, _)| file.starts_with(&prefix));
        files.map(|(file, _)| file.clone()).collect()
    }

    fn rm(&mut self, arguments: &[String], names: &[String], streams: &Streams) -> Flow {
        let option = |letter: char| arguments.iter().any(|word| word.starts_with('-') && word.contains(letter));
        let (force, all) = (option('f'), option('r') || option('R'));
        let mut status = 0;
        for name in names {
            let path = self.absolute(name);
            let below = self.below(&path);
            if self.file(&path).is_some() {
                self.put_file(&path, None);
            } else if all && !below.is_empty() {
                below.iter().for_each(|file| self.put_file(file, None));
            } else if !force {
                status = 1;
                let why = if below.is_empty() { "No such file or directory" } else { "Is a directory" };
                self.write(&streams.err, format!("rm: can't remove '{name}': {why}\n").as_bytes());
            }
        }
        self.done(status)
    }

    fn copy(&mut self, program: &str, names: &[String], streams: &Streams) -> Flow {
        let [from, to] = names else { return self.unknown(format!("{program} of other than one file to one place")) };
        let (source, mut target) = (self.absolute(from), self.absolute(to));
        if self.is_directory(&target) {
            target = format!("{}/{}", target.trim_end_matches('/'), source.rsplit('/').next().unwrap_or(""));
        }
        let Some(content) = self.file(&source) else {
            return self.fail(&format!("{program}: can't stat '{from}': No such file or directory"), 1, streams);
        };
        self.put_file(&target, Some(content.to_vec()));
        if program == "mv" {
            self.put_file(&source, None);
        }
        self.done(0)
    }

    fn list_files(&mut self, names: &[String], streams: &Streams) -> Flow {
        let names = if names.is_empty() { vec![self.view.directory.clone()] } else { names.to_vec() };
        let mut status = 0;
        for name in &names {
            let path = self.absolute(name);
            if self.file(&path).is_some() {
                self.say(name, streams);
            } else if self.is_directory(&path) {
                let prefix = format!("{}/", path.trim_end_matches('/'));
                let entry = |file: &String| file[prefix.len()..].split('/').next().unwrap_or("").to_owned();
                let mut entries: Vec<String> = self.below(&path).iter().map(entry).collect();
                entries.retain(|entry| !entry.starts_with('.'));
                entries.dedup();
                let all: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
                self.write(&streams.out, all.as_bytes());
            } else {
                status = 1;
                self.write(&streams.err, format!("ls: {name}: No such file or directory\n").as_bytes());
            }
        }
        self.done(status)
    }

    fn grep(&mut self, arguments: &[String], streams: &Streams) -> Flow {
        let options: String = arguments.iter().filter_map(|word| word.strip_prefix('-')).collect();
        let mut rest = arguments.iter().filter(|word| !word.starts_with('-'));
        let Some(pattern) = rest.next() else { return self.fail("grep: a pattern is missing", 2, streams) };
        let pattern = if options.contains('i') { format!("(?i){pattern}") } else { pattern.clone() };
        let Ok(pattern) = regex_lite::Regex::new(&pattern) else {
            return self.fail("grep: bad regex", 2, streams);
        };
        let content = match self.read("grep", &rest.cloned().collect::<Vec<_>>(), streams) {
            Ok(content) => content,
            Err(flow) => return flow,
        };
        let text = String::from_utf8_lossy(&content);
        let found: Vec<&str> = text.lines().filter(|line| pattern.is_match(line) != options.contains('v')).collect();
        let all: String = found.iter().map(|line| format!("{line}\n")).collect();
        match options {
            _ if options.contains('q') => {}
            _ if options.contains('c') => self.write(&streams.out, format!("{}\n", found.len()).as_bytes()),
            _ => self.write(&streams.out, all.as_bytes()),
        }
        self.done(i32::from(found.is_empty()))
    }

    fn ends(&mut self, program: &str, arguments: &[String], streams: &Streams) -> Flow {
        let (mut count, mut names, mut words) = (10_usize, Vec::new(), arguments.iter());
        while let Some(word) = words.next() {
            let number =
                if word == "-n" { words.next().cloned() } else { word.strip_prefix('-').map(|rest| rest.replace('n', "")) };
            match number {
                Some(number) => count = number.parse().unwrap_or(count),
                None => names.push(word.clone()),
            }
        }
        let content = match self.read(program, &names, streams) {
            Ok(content) => content,
            Err(flow) => return flow,
        };
        let text = String::from_utf8_lossy(&content);
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let kept = if program == "head" { &lines[..count.min(lines.len())] } else { &lines[lines.len().saturating_sub(count)..] };
        self.write(&streams.out, kept.concat().as_bytes());
        self.done(0)
    }
}

//! Running commands (POSIX' Shell Command Language, 2.9): one after another, in loops, in pipes, in shells of their own.

use super::files::absolute;
use super::grammar::{self, Flaw, Node, Redirection, Word};
use super::plumbing::Streams;
use super::{DEEPEST, Flow, MOST_COMMANDS, MOST_OUTPUT, Shell, is_shell, programs};

impl Shell {
    pub(super) fn script(&mut self, text: &str, streams: &Streams) -> i32 {
        let parsed = grammar::parse(text);
        self.parsed(parsed, streams)
    }

    pub(super) fn parsed(&mut self, parsed: Result<Node, Flaw>, streams: &Streams) -> i32 {
        match parsed {
            Ok(node) => self.run(&node, streams),
            Err(flaw) => {
                let what = match flaw {
                    Flaw::Unfinished => "end of file unexpected".to_owned(),
                    Flaw::Unexpected(token) => format!("\"{}\" unexpected", token.replace('\n', "newline")),
                };
                self.tell(streams, &format!("sh: 1: Syntax error: {what}\n"));
                self.flow = Flow::Exit;
                2
            }
        }
    }

    /// Whether commands may still run.
    pub(super) fn goes_on(&mut self) -> bool {
        if self.commands >= MOST_COMMANDS || self.written >= MOST_OUTPUT {
            self.endless = true;
            self.flow = Flow::Exit;
        }
        self.flow == Flow::On
    }

    pub(super) fn run(&mut self, node: &Node, streams: &Streams) -> i32 {
        if !self.goes_on() {
            return self.status;
        }
        self.status = match node {
            Node::Simple(assignments, words, redirections) => self.simple(assignments, words, redirections, streams),
            Node::Pipe(parts) => self.pipe(parts, streams),
            Node::And(left, right) => match self.run(left, streams) {
                0 => self.run(right, streams),
                code => code,
            },
            Node::Or(left, right) => match self.run(left, streams) {
                0 => 0,
                _ if self.flow == Flow::On => self.run(right, streams),
                code => code,
            },
            Node::Not(inside) => i32::from(self.run(inside, streams) == 0),
            Node::List(commands) => {
                let mut code = if commands.is_empty() { 0 } else { self.status };
                for command in commands {
                    if self.flow == Flow::On {
                        code = self.run(command, streams);
                    }
                }
                code
            }
            Node::If(branches, rest) => self.conditional(branches, rest.as_deref(), streams),
            Node::While(condition, body, until) => self.repeated(condition, body, *until, streams),
            Node::For(name, words, body) => self.each(name, words, body, streams),
            Node::Group(inside, redirections, apart) => self.group(inside, redirections, *apart, streams),
        };
        self.status
    }

    pub(super) fn conditional(&mut self, branches: &[(Node, Node)], rest: Option<&Node>, streams: &Streams) -> i32 {
        for (condition, body) in branches {
            let holds = self.run(condition, streams) == 0;
            if self.flow != Flow::On {
                return self.status;
            }
            if holds {
                return self.run(body, streams);
            }
        }
        rest.map_or(0, |rest| self.run(rest, streams))
    }

    pub(super) fn repeated(&mut self, condition: &Node, body: &Node, until: bool, streams: &Streams) -> i32 {
        let mut code = 0;
        loop {
            self.commands += 1;
            let holds = (self.run(condition, streams) == 0) != until;
            if !holds || self.flow != Flow::On {
                return code;
            }
            code = self.run(body, streams);
            if self.leaves_loop() {
                return code;
            }
        }
    }

    pub(super) fn each(&mut self, name: &str, words: &[Word], body: &Node, streams: &Streams) -> i32 {
        let mut code = 0;
        for value in self.fields(words, streams) {
            self.set(name, value);
            code = self.run(body, streams);
            if self.leaves_loop() {
                break;
            }
        }
        code
    }

    pub(super) fn leaves_loop(&mut self) -> bool {
        match self.flow {
            Flow::On => false,
            Flow::Continue => {
                self.flow = Flow::On;
                false
            }
            Flow::Break => {
                self.flow = Flow::On;
                true
            }
            Flow::Exit => true,
        }
    }

    pub(super) fn group(&mut self, inside: &Node, redirections: &[Redirection], apart: bool, streams: &Streams) -> i32 {
        let before = self.stdin.clone();
        let code = match self.redirected(redirections, streams) {
            Some(streams) if apart => self.apart(|shell| shell.run(inside, &streams)),
            Some(streams) => self.run(inside, &streams),
            None => 2,
        };
        if redirections.iter().any(|each| each.stream == 0) {
            self.stdin = before;
        }
        code
    }

    /// Runs something in a shell of its own: what it sets and where it goes is forgotten, its exit ends only itself.
    pub(super) fn apart(&mut self, act: impl FnOnce(&mut Self) -> i32) -> i32 {
        let before = (self.environment.clone(), self.variables.clone(), self.directory.clone(), self.arguments.clone());
        let code = act(self);
        (self.environment, self.variables, self.directory, self.arguments) = before;
        if !self.endless {
            self.flow = Flow::On;
        }
        code
    }

    pub(super) fn pipe(&mut self, parts: &[Node], streams: &Streams) -> i32 {
        let before = self.stdin.clone();
        let mut code = 0;
        for (index, part) in parts.iter().enumerate() {
            if index + 1 == parts.len() {
                code = self.apart(|shell| shell.run(part, streams));
                break;
            }
            let written = self.captured(|shell, streams| shell.apart(|shell| shell.run(part, streams)), streams).0;
            self.stdin = written.into();
        }
        self.stdin = before;
        code
    }

    pub(super) fn simple(
        &mut self,
        assignments: &[(String, Word)],
        words: &[Word],
        redirections: &[Redirection],
        streams: &Streams,
    ) -> i32 {
        self.commands += 1;
        self.status = if words.is_empty() { 0 } else { self.status };
        let words = self.fields(words, streams);
        let values: Vec<(String, String)> =
            assignments.iter().map(|(name, word)| (name.clone(), self.joined(word, streams))).collect();
        let before = self.stdin.clone();
        let Some(redirected) = self.redirected(redirections, streams) else { return 2 };
        let code = if words.is_empty() {
            let code = self.status;
            values.into_iter().for_each(|(name, value)| self.set(&name, value));
            code
        } else if values.is_empty() {
            self.command(&words, &redirected)
        } else {
            let environment = self.environment.clone();
            self.environment.extend(values);
            let code = self.command(&words, &redirected);
            self.environment = environment;
            code
        };
        if redirections.iter().any(|each| each.stream == 0) {
            self.stdin = before;
        }
        code
    }

    pub(super) fn command(&mut self, words: &[String], streams: &Streams) -> i32 {
        if let Some(code) = programs::of_the_shell(self, words, streams) {
            return code;
        }
        if self.has(&words[0]) {
            return self.program(words, streams);
        }
        self.tell(streams, &format!("sh: 1: {}: not found\n", words[0]));
        127
    }

    pub(super) fn program(&mut self, words: &[String], streams: &Streams) -> i32 {
        let name = words[0].rsplit('/').next().unwrap_or_default();
        if is_shell(name) {
            return self.nested(words, streams);
        }
        match programs::find(name) {
            Some(program) => program(self, &words[1..], streams),
            None => 127,
        }
    }

    /// `sh -c SCRIPT`, `sh FILE`, `sh` with its script on the standard input.
    pub(super) fn nested(&mut self, words: &[String], streams: &Streams) -> i32 {
        let mut rest = &words[1..];
        let mut inline = false;
        while let Some(flags) = rest.first().and_then(|word| word.strip_prefix('-')).filter(|flags| !flags.is_empty()) {
            inline |= !flags.starts_with('-') && flags.contains('c');
            rest = &rest[1..];
        }
        let script = match rest.split_first() {
            Some((script, arguments)) if inline => {
                rest = arguments;
                Ok(script.clone())
            }
            None if inline => {
                self.tell(streams, "sh: 0: -c requires an argument\n");
                return 2;
            }
            Some((file, _)) => {
                let path = absolute(&self.directory, file);
                self.files.read(&path).map(|content| String::from_utf8_lossy(&content).into_owned()).map_err(|_| file.clone())
            }
            None => Ok(String::from_utf8_lossy(&std::mem::take(&mut self.stdin)).into_owned()),
        };
        let script = match script {
            Ok(script) => script,
            Err(file) => {
                self.tell(streams, &format!("sh: 0: cannot open {file}: No such file\n"));
                return 2;
            }
        };
        if self.depth >= DEEPEST {
            self.tell(streams, "sh: 1: Cannot fork\n");
            return 2;
        }
        self.depth += 1;
        let arguments = if rest.is_empty() { vec![words[0].clone()] } else { rest.to_vec() };
        let code = self.apart(|shell| {
            shell.arguments = arguments;
            shell.variables.clear();
            shell.script(&script, streams)
        });
        self.depth -= 1;
        code
    }
}

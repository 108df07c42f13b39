//! From words to fields: variables, commands and arithmetic put in, what is not quoted split at blanks, patterns matched with files
//! (POSIX' Shell Command Language, 2.6).

use super::files::absolute;
use super::grammar::{Piece, Word, is_name};
use super::{Shell, Streams, arithmetic};

impl Shell {
    /// The fields of words.
    pub(super) fn fields(&mut self, words: &[Word], streams: &Streams) -> Vec<String> {
        let mut fields = Vec::new();
        for word in words {
            self.split(word, streams, &mut fields);
        }
        fields
    }

    /// A word as one text: what assignments and redirections take.
    pub(super) fn joined(&mut self, word: &Word, streams: &Streams) -> String {
        word.iter().map(|piece| self.piece(piece, streams).0).collect()
    }

    fn split(&mut self, word: &Word, streams: &Streams, fields: &mut Vec<String>) {
        if let [Piece::Text(..), Piece::Variable(name, true), Piece::Text(end, true)] = word.as_slice()
            && name == "@"
            && end.is_empty()
        {
            return fields.extend(self.arguments[1..].iter().cloned());
        }
        let (mut field, mut begun, mut pattern) = (String::new(), false, false);
        for (index, piece) in word.iter().enumerate() {
            let (mut text, quoted) = self.piece(piece, streams);
            if index == 0 && !quoted && (text == "~" || text.starts_with("~/")) {
                text.replace_range(..1, &self.variable("HOME").unwrap_or_else(|| "/root".into()));
            }
            if quoted || matches!(piece, Piece::Text(..)) {
                pattern |= !quoted && text.contains(['*', '?']);
                begun |= quoted || !text.is_empty();
                field.push_str(&text);
                continue;
            }
            let blank = |c: char| c.is_ascii_whitespace();
            for (part, piece) in text.split(blank).enumerate() {
                if part > 0 && begun {
                    fields.push(std::mem::take(&mut field));
                    begun = false;
                }
                begun |= !piece.is_empty();
                field.push_str(piece);
            }
        }
        if !begun {
            return;
        }
        let found = if pattern { self.matching(&field) } else { Vec::new() };
        if found.is_empty() { fields.push(field) } else { fields.extend(found) }
    }

    fn piece(&mut self, piece: &Piece, streams: &Streams) -> (String, bool) {
        match piece {
            Piece::Text(text, quoted) => (text.clone(), *quoted),
            Piece::Variable(inside, quoted) => {
                // What variables hold counts as what is written does: none doubles without end.
                let value = if self.goes_on() { self.parameter(inside, streams) } else { String::new() };
                self.written = self.written.saturating_add(value.len());
                (value, *quoted)
            }
            Piece::Command(script, quoted) => {
                if self.depth >= super::DEEPEST {
                    return (String::new(), *quoted);
                }
                self.depth += 1;
                let (written, code) = self.captured(|shell, streams| shell.apart(|shell| shell.script(script, streams)), streams);
                self.depth -= 1;
                self.status = code;
                let text = String::from_utf8_lossy(&written).into_owned();
                (text.trim_end_matches('\n').to_owned(), *quoted)
            }
            Piece::Arithmetic(text) => {
                let value = arithmetic::value(text, &|name| self.variable(name).and_then(|value| value.trim().parse().ok()));
                (value.map(|value| value.to_string()).unwrap_or_default(), true)
            }
        }
    }

    /// `NAME`, `#NAME`, `NAME:-word` and its kin.
    fn parameter(&mut self, inside: &str, streams: &Streams) -> String {
        if let Some(name) = inside.strip_prefix('#').filter(|name| is_name(name)) {
            return self.variable(name).unwrap_or_default().chars().count().to_string();
        }
        let end = inside.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|end| *end > 0).unwrap_or(inside.len());
        let (name, rest) = inside.split_at(end);
        let known = self.variable(name);
        let strict = rest.starts_with(':');
        let absent = known.as_ref().is_none_or(|value| strict && value.is_empty());
        let rest = rest.strip_prefix(':').unwrap_or(rest);
        let known = known.unwrap_or_default();
        match rest.chars().next() {
            Some('-') if absent => self.text(&rest[1..], streams),
            Some('=') if absent => {
                let value = self.text(&rest[1..], streams);
                self.set(name, value.clone());
                value
            }
            Some('+') => {
                if absent {
                    String::new()
                } else {
                    self.text(&rest[1..], streams)
                }
            }
            Some('?') if absent => {
                let message = if rest.len() > 1 { &rest[1..] } else { "parameter not set" };
                self.tell(streams, &format!("sh: 1: {name}: {message}\n"));
                self.status = 2;
                self.flow = super::Flow::Exit;
                String::new()
            }
            Some('#') => known.strip_prefix(&rest[1..]).unwrap_or(&known).to_owned(),
            Some('%') => known.strip_suffix(&rest[1..]).unwrap_or(&known).to_owned(),
            _ => known,
        }
    }

    /// Text with its own variables put in.
    fn text(&mut self, text: &str, streams: &Streams) -> String {
        match super::grammar::parse(&format!("x=\"{}\"", text.trim_matches('"'))) {
            Ok(super::grammar::Node::List(mut commands)) => match commands.pop() {
                Some(super::grammar::Node::Simple(assignments, ..)) => {
                    assignments.first().map(|(_, word)| self.joined(word, streams)).unwrap_or_default()
                }
                _ => String::new(),
            },
            _ => text.to_owned(),
        }
    }

    /// The files that match a pattern, part by part.
    fn matching(&self, pattern: &str) -> Vec<String> {
        let mut found = vec![if pattern.starts_with('/') { "/".to_owned() } else { String::new() }];
        for part in pattern.split('/').filter(|part| !part.is_empty()) {
            let mut next = Vec::new();
            for above in &found {
                let separator = if above.is_empty() || above.ends_with('/') { "" } else { "/" };
                let names = if part.contains(['*', '?']) {
                    let names = self.files.list(&absolute(&self.directory, above)).unwrap_or_default();
                    let shown = |name: &String| !name.starts_with('.') || part.starts_with('.');
                    names.into_iter().filter(shown).filter(|name| matches(part, name)).collect()
                } else {
                    vec![part.to_owned()]
                };
                next.extend(names.iter().map(|name| format!("{above}{separator}{name}")));
            }
            next.retain(|path| self.files.entry(&absolute(&self.directory, path)).is_some());
            next.truncate(super::MOST_COMMANDS);
            found = next;
        }
        found
    }
}

/// Whether a text matches a pattern of `*` and `?`.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                p = at + 1;
                t = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

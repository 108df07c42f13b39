//! Expansions: variables, commands, arithmetic; and the splitting of what is not quoted.

use super::arithmetic;
use super::parse::{Piece, Word};
use super::run::{Flow, Machine, Sink, Streams};

/// What variables hold counts so much less than what is written: it is common, but must not double without end.
const EXPANSIONS_PER_BYTE: usize = 16;

/// A text of an expansion, and whether it stood in quotes.
type Expanded = (String, bool);

impl Machine {
    /// Words as a command gets them.
    pub(super) fn words(&mut self, words: &[Word]) -> Result<Vec<String>, Flow> {
        let mut all = Vec::new();
        for word in words {
            if let [Piece::Variable { name, or: None, .. }] = word.0.as_slice()
                && (name == "@" || name == "*")
            {
                all.extend(self.arguments.iter().skip(1).cloned());
                continue;
            }
            let pieces = self.pieces(word)?;
            all.extend(split(&pieces));
        }
        Ok(all)
    }

    /// One word that is never split: of an assignment or a redirection.
    pub(super) fn one_word(&mut self, word: &Word) -> Result<String, Flow> {
        Ok(self.pieces(word)?.into_iter().map(|(text, _)| text).collect())
    }

    fn pieces(&mut self, word: &Word) -> Result<Vec<Expanded>, Flow> {
        let mut pieces = Vec::new();
        for piece in &word.0 {
            pieces.push(match piece {
                Piece::Text(text, quoted) if pieces.is_empty() && !quoted && (text == "~" || text.starts_with("~/")) => {
                    let home = self.variable("HOME").unwrap_or("/root");
                    (text.replacen('~', home, 1), true)
                }
                // What stands there is one word; only what comes out of an expansion is split.
                Piece::Text(text, _) => (text.clone(), true),
                Piece::Variable { name, or, quoted } => {
                    let or = or.as_ref().map(|(operator, word)| (*operator, &**word));
                    let value = self.value(name, or)?;
                    self.spend(value.len() / EXPANSIONS_PER_BYTE)?;
                    (value, *quoted)
                }
                Piece::Command(node, quoted) => {
                    self.buffers.push(Vec::new());
                    let out = Sink::Buffer(self.buffers.len() - 1);
                    let flow = self.subshell(node, &Streams { stdin: [].into(), out, err: Sink::Err });
                    let written = self.buffers.pop().unwrap_or_default();
                    if flow != Flow::Go {
                        return Err(flow);
                    }
                    (String::from_utf8_lossy(&written).trim_end_matches('\n').to_owned(), *quoted)
                }
                Piece::Arithmetic(text) => match arithmetic::value(text, |name| self.variable(name).map(str::to_owned)) {
                    Some(value) => (value.to_string(), true),
                    None => return Err(self.unknown(format!("$(({text}))"))),
                },
            });
        }
        Ok(pieces)
    }

    fn value(&mut self, name: &str, or: Option<(char, &Word)>) -> Result<String, Flow> {
        let known = match name {
            "?" => Some(self.status.to_string()),
            "$" => Some("1".into()),
            "#" => Some(self.arguments.len().saturating_sub(1).to_string()),
            "@" | "*" => Some(self.arguments.iter().skip(1).map(String::as_str).collect::<Vec<_>>().join(" ")),
            "!" => None,
            name => match name.parse::<usize>() {
                Ok(position) => self.arguments.get(position).cloned(),
                Err(_) => self.variable(name).map(str::to_owned),
            },
        };
        let filled = known.as_ref().is_some_and(|value| !value.is_empty());
        match or {
            Some(('+', word)) => {
                if filled {
                    self.one_word(word)
                } else {
                    Ok(String::new())
                }
            }
            Some(('=', word)) if !filled => {
                let value = self.one_word(word)?;
                self.set(name, value.clone());
                Ok(value)
            }
            Some(('-', word)) if !filled => self.one_word(word),
            Some(('?', word)) if !filled => {
                let text = self.one_word(word)?;
                let text = if text.is_empty() { "parameter not set".to_owned() } else { text };
                self.write(&Sink::Err, format!("sh: {name}: {text}\n").as_bytes());
                Err(Flow::Exit(2))
            }
            _ => Ok(known.unwrap_or_default()),
        }
    }
}

/// The words that pieces make: what is not quoted is split at blanks.
fn split(pieces: &[Expanded]) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    for (text, quoted) in pieces {
        if *quoted {
            word.get_or_insert_default().push_str(text);
            continue;
        }
        for (position, part) in text.split([' ', '\t', '\n']).enumerate() {
            if position > 0 {
                words.extend(word.take());
            }
            if !part.is_empty() {
                word.get_or_insert_default().push_str(part);
            }
        }
    }
    words.extend(word);
    words
}

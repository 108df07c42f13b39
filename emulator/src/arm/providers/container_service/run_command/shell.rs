//! The command line: words in quotes, commands one after another (`;`, `&&`, `||`, new lines). No variables, pipes or redirections: what has
//! them is answered with what azlet does not run.

use crate::kube::direct::Client;
use crate::kube::kubectl::{self, Files, Output};

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    /// What stands between commands, and whether the next one runs: always, after success, after failure.
    Next(When),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Always,
    Success,
    Failure,
}

/// Runs a command line; its end is that of its last command.
pub(super) fn run(client: &Client, line: &str, files: &Files) -> Output {
    let tokens = match tokens(line) {
        Ok(tokens) => tokens,
        Err(why) => return Output::failed(why),
    };
    let mut output = Output::default();
    let mut when = When::Always;
    let mut words = Vec::new();
    for token in tokens.into_iter().chain([Token::Next(When::Always)]) {
        match token {
            Token::Word(word) => words.push(word),
            Token::Next(next) => {
                let due = when == When::Always || (when == When::Success) == (output.code == 0);
                if due && !words.is_empty() {
                    let ended = command(client, &words, files);
                    output.text.push_str(&ended.text);
                    output.code = ended.code;
                }
                if !words.is_empty() {
                    when = next;
                }
                words.clear();
            }
        }
    }
    output
}

fn command(client: &Client, words: &[String], files: &Files) -> Output {
    match words.split_first() {
        Some((program, rest)) if program == "kubectl" => kubectl::run(client, rest, files),
        Some((program, rest)) if program == "echo" => Output::ok(format!("{}\n", rest.join(" "))),
        Some((program, _)) if program == "ls" => Output::ok(files.keys().cloned().collect::<Vec<_>>().join("\n")),
        Some((program, rest)) if program == "cat" => {
            let mut output = Output::default();
            for name in rest {
                output.then(match files.get(name.trim_start_matches("./")) {
                    Some(text) => Output { text: text.clone(), code: 0 },
                    None => Output::failed(format!("cat: {name}: No such file or directory")),
                });
            }
            output
        }
        Some((program, _)) => {
            Output::failed(format!("azlet runs kubectl, echo, ls and cat here; it does not run \"{program}\"."))
        }
        None => Output::default(),
    }
}

/// The words of a line's commands, command by command. The error says what azlet has no shell for.
pub fn words(line: &str) -> Result<Vec<Vec<String>>, String> {
    let mut commands = vec![Vec::new()];
    for token in tokens(line)? {
        match token {
            Token::Word(word) => commands.last_mut().into_iter().for_each(|words: &mut Vec<String>| words.push(word.clone())),
            Token::Next(_) => commands.push(Vec::new()),
        }
    }
    commands.retain(|words| !words.is_empty());
    Ok(commands)
}

fn tokens(line: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next() {
                        Some(end) if end == letter => break,
                        Some('\\') if letter == '"' => word.extend(escaped(letters.next())),
                        // A shell looks for these in double quotes too.
                        Some(inner @ ('$' | '`')) if letter == '"' => return Err(unsupported(inner)),
                        Some(inner) => word.push(inner),
                        None => return Err(format!("unexpected EOF while looking for matching `{letter}'")),
                    }
                }
            }
            '\\' => match letters.next() {
                Some('\n') | None => {}
                Some(escaped) => word.get_or_insert_default().push(escaped),
            },
            ' ' | '\t' | '\r' => tokens.extend(word.take().map(Token::Word)),
            '\n' | ';' | '&' | '|' => {
                tokens.extend(word.take().map(Token::Word));
                let doubled = letters.next_if_eq(&letter).is_some();
                tokens.push(Token::Next(match (letter, doubled) {
                    ('&', true) => When::Success,
                    ('|', true) => When::Failure,
                    ('&' | '|', false) => return Err(unsupported(letter)),
                    _ => When::Always,
                }));
            }
            '>' | '<' | '$' | '`' | '(' | ')' => return Err(unsupported(letter)),
            '#' if word.is_none() => while letters.next_if(|letter| *letter != '\n').is_some() {},
            other => word.get_or_insert_default().push(other),
        }
    }
    tokens.extend(word.map(Token::Word));
    Ok(tokens)
}

/// In double quotes a backslash stands for itself before most letters.
fn escaped(letter: Option<char>) -> Vec<char> {
    match letter {
        Some(letter @ ('"' | '\\' | '$' | '`')) => vec![letter],
        Some('\n') | None => Vec::new(),
        Some(other) => vec!['\\', other],
    }
}

fn unsupported(letter: char) -> String {
    format!("azlet runs plain commands here, joined by && || ; or new lines; it has no shell for \"{letter}\".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_as_a_shell_splits_it() {
        let word = |text: &str| Token::Word(text.to_owned());
        assert_eq!(
            tokens("kubectl get 'a b' \"c\\\"d\\n\" e\\ f && g; # h\ni").expect("a line"),
            [
                word("kubectl"),
                word("get"),
                word("a b"),
                word("c\"d\\n"),
                word("e f"),
                Token::Next(When::Success),
                word("g"),
                Token::Next(When::Always),
                Token::Next(When::Always),
                word("i"),
            ]
        );
        for bad in ["a | b", "a > b", "$x", "\"$x\"", "\"`a`\"", "'a", "a & b"] {
            assert!(tokens(bad).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_it_panic(line in ".{0,60}") {
            let _ = tokens(&line);
        }
    }
}

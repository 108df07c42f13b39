//! The grammar of the small shell: lists, pipes, groups, `if`, `while`, `until`, `for`, redirections, quotes and expansions.
//! What it does not know (functions, `case`, here-documents) is a fault that names it.

/// How deep things may nest.
const DEEPEST: usize = 40;

/// A command.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `A=1 echo x >file`.
    Simple { assignments: Vec<(String, Word)>, words: Vec<Word>, redirects: Vec<Redirect> },
    /// `a; b`.
    List(Vec<Node>),
    /// `a | b`.
    Pipe(Vec<Node>),
    /// `! a`.
    Not(Box<Node>),
    /// `a && b` (true) or `a || b` (false).
    Then(bool, Box<Node>, Box<Node>),
    /// `a &`: nobody waits for it.
    Background(Box<Node>),
    /// `if`, with all its arms.
    If(Vec<(Node, Node)>, Option<Box<Node>>),
    /// `while` (true) or `until` (false).
    Loop(bool, Box<Node>, Box<Node>),
    /// `for x in words`.
    For(String, Vec<Word>, Box<Node>),
    /// `( a )` (true: its variables are its own) or `{ a; }`.
    Group(bool, Box<Node>, Vec<Redirect>),
}

/// Where a stream goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Redirect {
    /// `2>file`, or `>>file`.
    Write { from: u8, append: bool, to: Word },
    /// `2>&1`.
    Same { from: u8, to: u8 },
    /// `<file`.
    Read(Word),
}

/// A word: pieces one after another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Word(pub Vec<Piece>);

/// A piece of a word.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// As it stands; whether it stood in quotes.
    Text(String, bool),
    /// `$A`, `${A:-word}`; whether it stood in quotes.
    Variable { name: String, or: Option<(char, Box<Word>)>, quoted: bool },
    /// `$(a)`; whether it stood in quotes.
    Command(Box<Node>, bool),
    /// `$((a + 1))`.
    Arithmetic(String),
}

/// Reads a script.
pub fn parse(text: &str) -> Result<Node, String> {
    parse_at(text, 0)
}

pub(super) fn parse_at(text: &str, depth: usize) -> Result<Node, String> {
    let mut parser = Parser { chars: text.chars().collect(), at: 0, depth };
    let list = parser.list(&[])?;
    parser.blanks(true);
    match parser.peek() {
        None => Ok(list),
        Some(other) => Err(format!("syntax error near unexpected token `{other}'")),
    }
}

pub(super) struct Parser {
    pub(super) chars: Vec<char>,
    pub(super) at: usize,
    pub(super) depth: usize,
}

pub(super) const WORD_ENDS: &str = " \t\n;&|()<>";

impl Parser {
    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    fn starts(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(offset, wanted)| self.chars.get(self.at + offset) == Some(&wanted))
    }

    pub(super) fn takes(&mut self, text: &str) -> bool {
        let starts = self.starts(text);
        if starts {
            self.at += text.chars().count();
        }
        starts
    }

    /// Passes blanks and comments; with `lines` ends of lines too.
    pub(super) fn blanks(&mut self, lines: bool) {
        loop {
            match self.peek() {
                Some(' ' | '\t' | '\r') => self.at += 1,
                Some('\\') if self.chars.get(self.at + 1) == Some(&'\n') => self.at += 2,
                Some('\n') if lines => self.at += 1,
                Some('#') => {
                    while self.peek().is_some_and(|next| next != '\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    /// The bare word that stands here, if there is one.
    fn bare_word(&self) -> String {
        self.chars[self.at.min(self.chars.len())..].iter().take_while(|c| !WORD_ENDS.contains(**c)).collect()
    }

    fn takes_word(&mut self, word: &str) -> bool {
        self.blanks(true);
        let is = self.bare_word() == word;
        if is {
            self.at += word.chars().count();
        }
        is
    }

    fn expect(&mut self, word: &str) -> Result<(), String> {
        if self.takes_word(word) { Ok(()) } else { Err(format!("syntax error: \"{word}\" expected")) }
    }

    pub(super) fn deeper<Answer>(&mut self, read: impl FnOnce(&mut Self) -> Result<Answer, String>) -> Result<Answer, String> {
        if self.depth >= DEEPEST {
            return Err(format!("syntax error: commands nest deeper than {DEEPEST}"));
        }
        self.depth += 1;
        let answer = read(self);
        self.depth -= 1;
        answer
    }

    /// Commands up to one of these words, or `)`, or the end.
    pub(super) fn list(&mut self, ends: &[&str]) -> Result<Node, String> {
        let mut nodes = Vec::new();
        loop {
            self.blanks(true);
            if self.peek().is_none_or(|next| next == ')') || ends.contains(&self.bare_word().as_str()) {
                return Ok(Node::List(nodes));
            }
            let node = self.and_or()?;
            self.blanks(false);
            match self.peek() {
                Some('&') => {
                    self.at += 1;
                    nodes.push(Node::Background(Box::new(node)));
                }
                Some(';' | '\n') => {
                    self.at += 1;
                    nodes.push(node);
                }
                None | Some(')') => nodes.push(node),
                Some(other) => return Err(format!("syntax error near unexpected token `{other}'")),
            }
        }
    }

    fn and_or(&mut self) -> Result<Node, String> {
        let mut node = self.pipe()?;
        loop {
            self.blanks(false);
            let and = if self.takes("&&") {
                true
            } else if self.takes("||") {
                false
            } else {
                return Ok(node);
            };
            self.blanks(true);
            node = Node::Then(and, Box::new(node), Box::new(self.pipe()?));
        }
    }

    fn pipe(&mut self) -> Result<Node, String> {
        if self.takes_word("!") {
            return Ok(Node::Not(Box::new(self.deeper(Self::pipe)?)));
        }
        let mut nodes = vec![self.deeper(Self::command)?];
        loop {
            self.blanks(false);
            if self.starts("||") || !self.takes("|") {
                break;
            }
            self.blanks(true);
            nodes.push(self.deeper(Self::command)?);
        }
        if nodes.len() > 1 {
            return Ok(Node::Pipe(nodes));
        }
        nodes.pop().ok_or_else(|| "syntax error: a command is missing".to_owned())
    }

    fn command(&mut self) -> Result<Node, String> {
        self.blanks(true);
        if self.takes("(") {
            let inner = self.list(&[])?;
            self.blanks(true);
            if !self.takes(")") {
                return Err("syntax error: \")\" expected".into());
            }
            return Ok(Node::Group(true, Box::new(inner), self.redirects()?));
        }
        match self.bare_word().as_str() {
            "{" => {
                self.at += 1;
                let inner = self.list(&["}"])?;
                self.expect("}")?;
                Ok(Node::Group(false, Box::new(inner), self.redirects()?))
            }
            "if" => self.conditional(),
            word @ ("while" | "until") => {
                self.at += 5;
                let condition = self.list(&["do"])?;
                let body = self.body()?;
                Ok(Node::Loop(word == "while", Box::new(condition), Box::new(body)))
            }
            "for" => self.iteration(),
            word @ ("case" | "function" | "select") => Err(format!("azlet's shell does not know `{word}'")),
            _ => self.simple(),
        }
    }

    fn conditional(&mut self) -> Result<Node, String> {
        self.expect("if")?;
        let mut arms = Vec::new();
        loop {
            let condition = self.list(&["then"])?;
            self.expect("then")?;
            arms.push((condition, self.list(&["elif", "else", "fi"])?));
            if !self.takes_word("elif") {
                break;
            }
        }
        let otherwise = if self.takes_word("else") { Some(Box::new(self.list(&["fi"])?)) } else { None };
        self.expect("fi")?;
        Ok(Node::If(arms, otherwise))
    }

    fn iteration(&mut self) -> Result<Node, String> {
        self.expect("for")?;
        self.blanks(false);
        let name = self.bare_word();
        if !is_name(&name) {
            return Err(format!("syntax error: `{name}' is no name of a variable"));
        }
        self.at += name.chars().count();
        let mut words = Vec::new();
        if self.takes_word("in") {
            self.blanks(false);
            while self.peek().is_some_and(|next| !WORD_ENDS.contains(next)) {
                words.push(self.word()?);
                self.blanks(false);
            }
        }
        self.blanks(false);
        self.takes(";");
        Ok(Node::For(name, words, Box::new(self.body()?)))
    }

    fn body(&mut self) -> Result<Node, String> {
        self.expect("do")?;
        let body = self.list(&["done"])?;
        self.expect("done")?;
        Ok(body)
    }

    fn simple(&mut self) -> Result<Node, String> {
        let (mut assignments, mut words, mut redirects) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            self.blanks(false);
            if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
                continue;
            }
            let Some(next) = self.peek().filter(|next| !WORD_ENDS.contains(*next)) else { break };
            let bare = self.bare_word();
            match bare.split_once('=') {
                Some((name, _)) if words.is_empty() && is_name(name) => {
                    self.at += name.chars().count() + 1;
                    assignments.push((name.to_owned(), self.word()?));
                }
                _ => {
                    let before = self.at;
                    words.push(self.word()?);
                    if self.at == before {
                        return Err(format!("syntax error near unexpected token `{next}'"));
                    }
                }
            }
        }
        if assignments.is_empty() && words.is_empty() && redirects.is_empty() {
            let token = self.peek().map_or_else(|| "newline".to_owned(), String::from);
            return Err(format!("syntax error near unexpected token `{token}'"));
        }
        if self.peek() == Some('(') {
            return Err("azlet's shell does not know functions".into());
        }
        Ok(Node::Simple { assignments, words, redirects })
    }

    fn redirects(&mut self) -> Result<Vec<Redirect>, String> {
        let mut redirects = Vec::new();
        loop {
            self.blanks(false);
            match self.redirect()? {
                Some(redirect) => redirects.push(redirect),
                None => return Ok(redirects),
            }
        }
    }

    fn redirect(&mut self) -> Result<Option<Redirect>, String> {
        let digit = self.peek().and_then(|next| next.to_digit(10)).and_then(|digit| u8::try_from(digit).ok());
        let sign = self.chars.get(self.at + usize::from(digit.is_some())).copied();
        if !matches!(sign, Some('<' | '>')) {
            return Ok(None);
        }
        self.at += usize::from(digit.is_some());
        if self.starts("<<") {
            return Err("azlet's shell does not know here-documents".into());
        }
        if self.takes("<") {
            self.blanks(false);
            return Ok(Some(Redirect::Read(self.word()?)));
        }
        let from = digit.unwrap_or(1);
        let append = self.takes(">>");
        if !append {
            self.at += 1;
        }
        if self.takes("&") {
            let to = self.next().and_then(|next| next.to_digit(10)).and_then(|digit| u8::try_from(digit).ok());
            return to.map(|to| Some(Redirect::Same { from, to })).ok_or_else(|| "syntax error: bad redirection".to_owned());
        }
        self.blanks(false);
        Ok(Some(Redirect::Write { from, append, to: self.word()? }))
    }
}

/// Whether a text can be the name of a variable.
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

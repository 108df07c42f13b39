//! Where in a JSON text something stands, as Json.NET tells it: the line from one, the position in the line after what was read.

/// What was being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// The name of a member, with the colon behind it.
    Name,
    /// The member's value: a text, number or word whole, of an object or an array the first sign.
    Value,
}

/// Line and position of a member of the outermost object, or of one of its members' objects. The text is known to be JSON; of a
/// member that stands in it twice the last counts, as it does to the parser.
pub(super) fn position(text: &str, path: &[&str], read: Read) -> (usize, usize) {
    let offset = Scanner { text: text.as_bytes(), at: 0 }.find(path, read).unwrap_or(1);
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (line, before[start..].encode_utf16().count())
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    /// The offset behind what was read.
    fn find(&mut self, path: &[&str], read: Read) -> Option<usize> {
        self.blank();
        self.expect(b'{')?;
        let mut found = None;
        loop {
            self.blank();
            if self.peek()? == b'}' {
                return found;
            }
            let name = self.string()?;
            self.blank();
            self.expect(b':')?;
            let behind_name = self.at;
            self.blank();
            let begins = self.at;
            if name == *path.first()? {
                found = match (&path[1..], read) {
                    ([], Read::Name) => Some(behind_name),
                    ([], Read::Value) if matches!(self.peek()?, b'{' | b'[') => Some(begins + 1),
                    ([], Read::Value) => {
                        let mut ahead = Scanner { text: self.text, at: begins };
                        ahead.skip().map(|()| ahead.at)
                    }
                    (rest, _) => Scanner { text: self.text, at: begins }.find(rest, read).or(found),
                };
            }
            self.skip()?;
            self.blank();
            match self.peek()? {
                b',' => self.at += 1,
                _ => return found,
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn blank(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn expect(&mut self, wanted: u8) -> Option<()> {
        (self.peek()? == wanted).then(|| self.at += 1)
    }

    /// A text, read as the parser reads it.
    fn string(&mut self) -> Option<String> {
        let begins = self.at;
        self.skip_string()?;
        serde_json::from_slice(&self.text[begins..self.at]).ok()
    }

    fn skip_string(&mut self) -> Option<()> {
        self.expect(b'"')?;
        loop {
            match self.peek()? {
                b'\\' => self.at += 2,
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                _ => self.at += 1,
            }
        }
    }

    /// Skips a value: no recursion, whatever its depth.
    fn skip(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            self.blank();
            match self.peek()? {
                b'"' => self.skip_string()?,
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => self.at += 1,
                _ => {
                    while self.peek().is_some_and(|byte| !byte.is_ascii_whitespace() && !b",:{}[]\"".contains(&byte)) {
                        self.at += 1;
                    }
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_found_where_it_stands() {
        let text = "{\n  \"a\": [1, {\"tags\": 0}],\n  \"tags\": {\"ä\": \"1\", \"x\": {}},\n\"AccountType\":\"y\"}";
        assert_eq!(position(text, &["AccountType"], Read::Name), (4, 14));
        assert_eq!(position(text, &["AccountType"], Read::Value), (4, 17));
        assert_eq!(position(text, &["tags", "x"], Read::Value), (3, 27));
        assert_eq!(position(text, &["tags", "ä"], Read::Value), (3, 19));
        assert_eq!(position(text, &["none"], Read::Name), (1, 1));
        assert_eq!(position("{\"AccountType\":1}", &["AccountType"], Read::Name), (1, 15));
        assert_eq!(position("[]", &["x"], Read::Name), (1, 1));
    }
}

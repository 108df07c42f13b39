//! `$(( … ))`: whole numbers, variables, `+ - * / %`, comparisons, `&& ||`, `!` and parentheses.

/// How deep parentheses may nest.
const DEEPEST: usize = 40;
/// The operators of two sides, weakest first.
const LEVELS: [&[&str]; 6] = [&["||"], &["&&"], &["==", "!="], &["<=", ">=", "<", ">"], &["+", "-"], &["*", "/", "%"]];

/// The value of an expression; nothing if it cannot be read or has none.
pub fn value(text: &str, variable: impl Fn(&str) -> Option<String>) -> Option<i64> {
    let mut reader = Reader { rest: text, depth: 0, variable: &variable };
    let value = reader.level(0)?;
    reader.rest.trim().is_empty().then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
    variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Reader<'_> {
    fn takes(&mut self, text: &str) -> bool {
        let rest = self.rest.trim_start();
        let taken = rest.strip_prefix(text);
        self.rest = taken.unwrap_or(rest);
        taken.is_some()
    }

    fn level(&mut self, level: usize) -> Option<i64> {
        let Some(operators) = LEVELS.get(level) else { return self.single() };
        let mut left = self.level(level + 1)?;
        while let Some(operator) = operators.iter().find(|operator| self.takes(operator)) {
            let right = self.level(level + 1)?;
            left = match *operator {
                "||" => (left != 0 || right != 0).into(),
                "&&" => (left != 0 && right != 0).into(),
                "==" => (left == right).into(),
                "!=" => (left != right).into(),
                "<=" => (left <= right).into(),
                ">=" => (left >= right).into(),
                "<" => (left < right).into(),
                ">" => (left > right).into(),
                "+" => left.wrapping_add(right),
                "-" => left.wrapping_sub(right),
                "*" => left.wrapping_mul(right),
                "/" => left.checked_div(right)?,
                _ => left.checked_rem(right)?,
            };
        }
        Some(left)
    }

    fn single(&mut self) -> Option<i64> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let value = self.operand();
        self.depth -= 1;
        value
    }

    fn operand(&mut self) -> Option<i64> {
        if self.takes("(") {
            let value = self.level(0)?;
            return self.takes(")").then_some(value);
        }
        if self.takes("!") {
            return Some((self.single()? == 0).into());
        }
        if self.takes("-") {
            return Some(self.single()?.wrapping_neg());
        }
        self.takes("$");
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match word.chars().next()? {
            first if first.is_ascii_digit() => word.parse().ok(),
            _ => match (self.variable)(word).unwrap_or_default().trim() {
                "" => Some(0),
                text => text.parse().ok(),
            },
        }
    }
}

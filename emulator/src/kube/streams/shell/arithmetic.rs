//! `$((…))`: whole numbers with `+ - * / %`, comparisons and parentheses.

/// The value of an expression; nothing if it is none.
pub(super) fn value(text: &str, variable: &dyn Fn(&str) -> Option<i64>) -> Option<i64> {
    let mut reader = Reader { rest: text, variable, depth: 0 };
    let value = reader.comparison()?;
    reader.blanks();
    reader.rest.is_empty().then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
    variable: &'a dyn Fn(&str) -> Option<i64>,
    depth: usize,
}

impl Reader<'_> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, operator: &str) -> bool {
        self.blanks();
        self.rest.strip_prefix(operator).is_some_and(|rest| {
            self.rest = rest;
            true
        })
    }

    fn comparison(&mut self) -> Option<i64> {
        let left = self.sum()?;
        for operator in ["==", "!=", "<=", ">=", "<", ">"] {
            if self.eat(operator) {
                let right = self.sum()?;
                return Some(i64::from(match operator {
                    "==" => left == right,
                    "!=" => left != right,
                    "<=" => left <= right,
                    ">=" => left >= right,
                    "<" => left < right,
                    _ => left > right,
                }));
            }
        }
        Some(left)
    }

    fn sum(&mut self) -> Option<i64> {
        let mut value = self.product()?;
        loop {
            if self.eat("+") {
                value = value.wrapping_add(self.product()?);
            } else if self.eat("-") {
                value = value.wrapping_sub(self.product()?);
            } else {
                return Some(value);
            }
        }
    }

    fn product(&mut self) -> Option<i64> {
        let mut value = self.unary()?;
        loop {
            if self.eat("*") {
                value = value.wrapping_mul(self.unary()?);
            } else if self.eat("/") {
                value = value.checked_div(self.unary()?)?;
            } else if self.eat("%") {
                value = value.checked_rem(self.unary()?)?;
            } else {
                return Some(value);
            }
        }
    }

    fn unary(&mut self) -> Option<i64> {
        self.depth += 1;
        if self.depth > 64 {
            return None;
        }
        let value = if self.eat("-") {
            self.unary()?.wrapping_neg()
        } else if self.eat("(") {
            let value = self.comparison()?;
            self.eat(")").then_some(value)?
        } else {
            self.operand()?
        };
        self.depth -= 1;
        Some(value)
    }

    fn operand(&mut self) -> Option<i64> {
        self.blanks();
        self.rest = self.rest.strip_prefix('$').unwrap_or(self.rest);
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        if word.is_empty() {
            return None;
        }
        self.rest = rest;
        if word.starts_with(|c: char| c.is_ascii_digit()) { word.parse().ok() } else { Some((self.variable)(word).unwrap_or(0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_reckoned() {
        let reckon = |text: &str| value(text, &|name| (name == "i").then_some(4));
        for (text, expected) in [
            ("1+2*3", Some(7)),
            ("(i + 1) % 3", Some(2)),
            ("$i-$j", Some(4)),
            ("-i", Some(-4)),
            ("1/0", None),
            ("i<5", Some(1)),
            ("1 2", None),
            ("", None),
        ] {
            assert_eq!(reckon(text), expected, "{text}");
        }
    }
}

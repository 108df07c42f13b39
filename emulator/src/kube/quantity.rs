//! Quantities of resources: `500m`, `1Gi`, `1e3`. Rule: apimachinery's `api/resource`: exact, rounded up below a thousand-millionth,
//! written in the form of what was read.

use std::fmt;

/// A quantity, in thousand-millionths, with the form in which it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity {
    nanos: i128,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Decimal,
    Binary,
    Exponent,
}

const ONE: i128 = 1_000_000_000;
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self { nanos: 0, form: Form::Decimal };

    /// So many.
    pub fn count(count: usize) -> Self {
        Self { nanos: i128::try_from(count).unwrap_or(0).saturating_mul(ONE), form: Form::Decimal }
    }

    /// Reads a quantity.
    pub fn parse(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-'))).unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (scale, form) = suffix_scale(suffix)?;
        let negative = number.starts_with('-');
        let number = number.strip_prefix(['+', '-']).unwrap_or(number);
        if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return None;
        }
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || whole.len() + fraction.len() >= 30 {
            return None;
        }
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        let (up, down) = scale;
        let product = digits.checked_mul(up)?.checked_mul(ONE)?;
        let divisor = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?.checked_mul(down)?;
        let nanos = product.checked_add(divisor - 1)?.div_euclid(divisor);
        Some(Self { nanos: if negative { -nanos } else { nanos }, form })
    }

    /// Of a JSON value: text, or a number.
    pub fn of(value: &serde_json::Value) -> Option<Self> {
        match value {
            serde_json::Value::String(text) => Self::parse(text),
            serde_json::Value::Number(number) => Self::parse(&number.to_string()),
            _ => None,
        }
    }

    /// The sum; nothing and something is in the form of something.
    pub fn plus(self, other: Self) -> Self {
        let form = if self.nanos == 0 { other.form } else { self.form };
        Self { nanos: self.nanos.saturating_add(other.nanos), form }
    }

    /// The difference.
    pub fn minus(self, other: Self) -> Self {
        self.plus(Self { nanos: -other.nanos, form: other.form })
    }

    /// Whether it is more than another.
    pub fn exceeds(self, other: Self) -> bool {
        self.nanos > other.nanos
    }

    /// The larger one.
    pub fn max(self, other: Self) -> Self {
        if other.exceeds(self) { other } else { self }
    }

    /// The quotient of two.
    pub fn ratio(self, other: Self) -> Option<Self> {
        let nanos = self.nanos.checked_mul(ONE)?.checked_div(other.nanos)?;
        Some(Self { nanos, form: Form::Decimal })
    }

    /// In thousandths, rounded up.
    pub fn millis(self) -> i128 {
        (self.nanos + 999_999).div_euclid(1_000_000)
    }
}

/// A quantity in thousandths, rounded up; nothing if it is none.
pub fn thousandths(text: &str) -> Option<i128> {
    Quantity::parse(text).map(Quantity::millis)
}

/// The whole amount, rounded up.
pub fn whole(text: &str) -> Option<i128> {
    thousandths(text).map(|value| (value + 999).div_euclid(1000))
}

/// By what a suffix multiplies and divides, and the form that it stands for.
fn suffix_scale(suffix: &str) -> Option<((i128, i128), Form)> {
    if let Some((_, power)) = DECIMAL.iter().find(|(known, _)| *known == suffix) {
        let size = 10_i128.pow(power.unsigned_abs());
        return Some((if *power < 0 { (1, size) } else { (size, 1) }, Form::Decimal));
    }
    if let Some(power) = BINARY.iter().position(|known| *known == suffix) {
        return Some(((1024_i128.pow(u32::try_from(power).ok()?), 1), Form::Binary));
    }
    let power: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    let size = 10_i128.checked_pow(power.unsigned_abs()).filter(|_| power.abs() <= 18)?;
    Some((if power < 0 { (1, size) } else { (size, 1) }, Form::Exponent))
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = self.form == Form::Binary && self.nanos % ONE == 0 && self.nanos.abs() >= 1024 * ONE;
        if binary {
            let (mut value, mut power) = (self.nanos / ONE, 0);
            while value % 1024 == 0 && power + 1 < BINARY.len() {
                (value, power) = (value / 1024, power + 1);
            }
            return write!(formatter, "{value}{}", BINARY[power]);
        }
        let (mut value, mut place) = (self.nanos, 0);
        while value != 0 && value % 1000 == 0 && place + 1 < DECIMAL.len() {
            (value, place) = (value / 1000, place + 1);
        }
        let (suffix, power) = if value == 0 { ("", 0) } else { DECIMAL[place] };
        match (self.form, power) {
            (Form::Exponent, power) if power != 0 => write!(formatter, "{value}e{power}"),
            _ => write!(formatter, "{value}{suffix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Quantity::parse(text).map_or_else(|| "refused".into(), |quantity| quantity.to_string())
    }

    #[test]
    fn quantities_are_written_in_their_canonical_form() {
        for (text, expected) in [
            ("0", "0"),
            ("1", "1"),
            ("1000m", "1"),
            ("0.5", "500m"),
            ("1.5Gi", "1536Mi"),
            ("1024Mi", "1Gi"),
            ("1000", "1k"),
            ("100k", "100k"),
            ("1e3", "1e3"),
            ("-1", "-1"),
            ("0.1Ki", "102400m"),
            ("1n", "1n"),
            ("1G", "1G"),
            ("", "refused"),
            ("x", "refused"),
            ("1Zi", "refused"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn sums_are_exact() {
        let sum = |one: &str, other: &str| {
            Quantity::parse(one).zip(Quantity::parse(other)).map(|(one, other)| one.plus(other).to_string())
        };
        assert_eq!(sum("100m", "0.9").as_deref(), Some("1"));
        assert_eq!(sum("0", "64Mi").as_deref(), Some("64Mi"));
        assert_eq!(sum("512Mi", "512Mi").as_deref(), Some("1Gi"));
    }

    #[test]
    fn quantities_are_read() {
        for (text, expected) in [
            ("250m", Some(250)),
            ("1Ki", Some(1_024_000)),
            ("0.5Gi", Some(536_870_912_000)),
            ("1e3", Some(1_000_000)),
            ("-1", Some(-1000)),
            ("1n", Some(1)),
            ("Gi", None),
            ("1.2.3", None),
            ("--1", None),
        ] {
            assert_eq!(thousandths(text), expected, "{text}");
        }
        assert_eq!(whole("1500m"), Some(2));
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_a_fault(text in "[0-9.eEkKMGTPinum+-]{0,30}") {
            let _ = thousandths(&text);
        }
    }
}

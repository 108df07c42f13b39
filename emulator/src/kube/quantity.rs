//! Amounts of a resource: `250m`, `1.5Gi`, `1e3` (apimachinery's `resource.Quantity`).

/// A quantity in thousandths; nothing if it is none.
pub fn thousandths(text: &str) -> Option<i128> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-'))).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (negative, number) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !digits(whole) || !digits(fraction) || whole.len() > 20 || fraction.len() > 12 {
        return None;
    }
    let value: i128 = format!("{whole}{fraction}").parse().ok()?;
    let (multiplier, divisor) = scale(suffix)?;
    let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let exact = value.checked_mul(multiplier)?.checked_mul(1000)?;
    // What is finer than a thousandth is rounded up.
    let result = exact.checked_add(scale * divisor - 1)? / (scale * divisor);
    Some(if negative { -result } else { result })
}

/// The whole amount, rounded up.
pub fn whole(text: &str) -> Option<i128> {
    thousandths(text).map(|value| (value + 999).div_euclid(1000))
}

fn scale(suffix: &str) -> Option<(i128, i128)> {
    let binary = |power: u32| (1024_i128.pow(power), 1);
    let decimal = |power: u32| (1000_i128.pow(power), 1);
    Some(match suffix {
        "" => (1, 1),
        "n" => (1, 1_000_000_000),
        "u" => (1, 1_000_000),
        "m" => (1, 1000),
        "k" => decimal(1),
        "M" => decimal(2),
        "G" => decimal(3),
        "T" => decimal(4),
        "P" => decimal(5),
        "E" => decimal(6),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        exponent => {
            let power: i32 = exponent.strip_prefix(['e', 'E'])?.parse().ok()?;
            let factor = 10_i128.checked_pow(power.unsigned_abs()).filter(|_| power.abs() <= 18)?;
            if power < 0 { (1, factor) } else { (factor, 1) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read() {
        for (text, expected) in [
            ("250m", Some(250)),
            ("1", Some(1000)),
            ("1.5", Some(1500)),
            ("1Ki", Some(1_024_000)),
            ("0.5Gi", Some(536_870_912_000)),
            ("1e3", Some(1_000_000)),
            ("2k", Some(2_000_000)),
            ("-1", Some(-1000)),
            ("1n", Some(1)),
            ("", None),
            ("Gi", None),
            ("1x", None),
            ("1.2.3", None),
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

//! The log of a container: its lines, and what a request wants of them.
//! Rule: the kubelet's container log options (`tailLines`, `limitBytes`, `sinceSeconds`, `sinceTime`, `timestamps`).

use jiff::{SignedDuration, Timestamp};

/// A line of a container's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was written.
    pub at: Timestamp,
    /// The line without its end.
    pub text: String,
    /// Whether it was written to the standard error.
    pub error: bool,
    /// Whether it has no end: more may follow on it.
    pub partial: bool,
}

/// What a request wants of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Only the last so many lines.
    pub tail: Option<usize>,
    /// Only so many bytes.
    pub limit: Option<usize>,
    /// Nothing older.
    pub since: Option<Timestamp>,
    /// Each line with its time before it.
    pub timestamps: bool,
}

impl Wanted {
    /// Nothing older than so many seconds.
    pub fn since_seconds(&mut self, seconds: i64, now: Timestamp) {
        self.since = now.checked_sub(SignedDuration::from_secs(seconds.max(0))).ok();
    }

    /// The text.
    pub fn of(&self, lines: &[Line]) -> Vec<u8> {
        let kept: Vec<_> = lines.iter().filter(|line| self.since.is_none_or(|since| line.at >= since)).collect();
        let first = self.tail.map_or(0, |tail| kept.len().saturating_sub(tail));
        let mut text = String::new();
        for line in &kept[first..] {
            if self.timestamps {
                text.push_str(&format!("{}.{:09}Z ", line.at.strftime("%Y-%m-%dT%H:%M:%S"), line.at.subsec_nanosecond()));
            }
            text.push_str(&line.text);
            if !line.partial {
                text.push('\n');
            }
        }
        let mut bytes = text.into_bytes();
        bytes.truncate(self.limit.unwrap_or(usize::MAX));
        bytes
    }

    /// The same for lines that come later: the last ones are among what was there, and the limit counts on.
    pub fn of_more(&mut self, lines: &[Line]) -> Vec<u8> {
        self.tail = None;
        let bytes = self.of(lines);
        self.limit = self.limit.map(|limit| limit.saturating_sub(bytes.len()));
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_cut_as_asked() {
        let at = |seconds| Timestamp::from_second(seconds).expect("in range");
        let lines: Vec<_> = (0..4).map(|n| Line { at: at(n), text: format!("é{n}"), error: false, partial: false }).collect();
        let wanted = Wanted { tail: Some(2), ..Wanted::default() };
        assert_eq!(wanted.of(&lines), "é2\né3\n".as_bytes());
        assert_eq!(Wanted { tail: Some(0), ..Wanted::default() }.of(&lines), b"");
        assert_eq!(Wanted { limit: Some(1), ..Wanted::default() }.of(&lines), [0xc3], "bytes, not letters");
        let mut wanted = Wanted { timestamps: true, ..Wanted::default() };
        wanted.since_seconds(1, at(4));
        assert_eq!(wanted.of(&lines), "1970-01-01T00:00:03.000000000Z é3\n".as_bytes());
        let mut wanted = Wanted { limit: Some(6), ..Wanted::default() };
        assert_eq!(
            (wanted.of_more(&lines[..1]), wanted.of_more(&lines[1..])),
            ("é0\n".into(), b"\xc3\xa91".to_vec()[..2].to_vec())
        );
    }
}

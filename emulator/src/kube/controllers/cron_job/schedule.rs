//! Schedules in the form of cron: five fields, names of months and weekdays, steps, `@hourly` and the like.
//! Rule: the standard parser of `robfig/cron` version 3, which Kubernetes has: a day matches if day of month or weekday does when both
//! are restricted, else both must.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/// How far a schedule is searched: one that never comes ends here.
const MOST_DAYS: u32 = 366 * 5;

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    kind: Times,
    zone: TimeZone,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Times {
    Fields { minutes: u64, hours: u64, days: Days, months: u64 },
    Every(SignedDuration),
}

/// Days of the month and of the week, as bits, and whether each is restricted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Days {
    of_month: (u64, bool),
    of_week: (u64, bool),
}

impl Schedule {
    /// Reads a schedule; `zone` is UTC if empty.
    pub fn parse(text: &str, zone: &str) -> Option<Self> {
        let (zone, text) = match text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ=")) {
            Some(rest) => rest.split_once(' ')?,
            None => (zone, text),
        };
        let zone = if zone.is_empty() { TimeZone::UTC } else { TimeZone::get(zone).ok()? };
        Some(Self { kind: times(text.trim())?, zone })
    }

    /// The first time after `after`.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let (minutes, hours, days, months) = match &self.kind {
            Times::Every(period) => return after.checked_add(*period).ok(),
            Times::Fields { minutes, hours, days, months } => (*minutes, *hours, days, *months),
        };
        let local = self.zone.to_datetime(after);
        let mut date = local.date();
        for _ in 0..MOST_DAYS {
            if has(months, date.month()) && days.include(date) {
                for hour in (0..24).filter(|hour| has(hours, *hour)) {
                    for minute in (0..60).filter(|minute| has(minutes, *minute)) {
                        let at = DateTime::from_parts(date, jiff::civil::time(hour, minute, 0, 0));
                        if let Some(at) = self.instant(at).filter(|at| *at > after) {
                            return Some(at);
                        }
                    }
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// A local time as an instant; none in the hour that a clock skips.
    fn instant(&self, at: DateTime) -> Option<Timestamp> {
        let instant = self.zone.to_ambiguous_timestamp(at).compatible().ok()?;
        (self.zone.to_datetime(instant) == at).then_some(instant)
    }
}

impl Days {
    fn include(&self, date: jiff::civil::Date) -> bool {
        let of_month = has(self.of_month.0, date.day());
        let of_week = has(self.of_week.0, date.weekday().to_sunday_zero_offset());
        if self.of_month.1 && self.of_week.1 { of_month || of_week } else { of_month && of_week }
    }
}

fn has(bits: u64, number: i8) -> bool {
    u32::try_from(number).is_ok_and(|number| bits >> number & 1 == 1)
}

fn times(text: &str) -> Option<Times> {
    if let Some(period) = text.strip_prefix("@every ") {
        return every(period);
    }
    let text = match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        text => text,
    };
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minutes, hours, of_month, months, of_week] = fields.as_slice() else { return None };
    let days = Days { of_month: field(of_month, 1, 31, &[])?, of_week: weekdays(of_week)? };
    Some(Times::Fields {
        minutes: field(minutes, 0, 59, &[])?.0,
        hours: field(hours, 0, 23, &[])?.0,
        days,
        months: field(months, 1, 12, &MONTHS)?.0,
    })
}

/// A period as Go writes it: `1h30m`.
fn every(text: &str) -> Option<Times> {
    let (mut total, mut rest) = (SignedDuration::ZERO, text.trim());
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..end].parse().ok()?;
        let unit = rest[end..].chars().next()?;
        let seconds = match unit {
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total = total.checked_add(SignedDuration::from_secs(number.checked_mul(seconds)?))?;
        rest = &rest[end + 1..];
    }
    (total >= SignedDuration::from_secs(1)).then_some(Times::Every(total))
}

/// Weekdays from 0 to 6; `7` is not known, as in the parser that Kubernetes has.
fn weekdays(text: &str) -> Option<(u64, bool)> {
    field(text, 0, 6, &WEEKDAYS)
}

/// The numbers of a field as bits, and whether it leaves any out.
fn field(text: &str, first: u32, last: u32, names: &[&str]) -> Option<(u64, bool)> {
    let (mut bits, mut restricted) = (0, true);
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u32>().ok().filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let (from, to) = match range {
            "*" | "?" => {
                restricted &= step.is_some_and(|step| step > 1);
                (first, last)
            }
            range => match range.split_once('-') {
                Some((from, to)) => (number(from, first, names)?, number(to, first, names)?),
                None => {
                    let from = number(range, first, names)?;
                    (from, if step.is_some() { last } else { from })
                }
            },
        };
        if from < first || to > last || from > to {
            return None;
        }
        let step = usize::try_from(step.unwrap_or(1)).ok()?;
        (from..=to).step_by(step).for_each(|number| bits |= 1 << number);
    }
    Some((bits, restricted))
}

fn number(text: &str, first: u32, names: &[&str]) -> Option<u32> {
    let lower = text.to_ascii_lowercase();
    let named = names.iter().position(|name| *name == lower).and_then(|place| u32::try_from(place).ok());
    named.map(|place| place + first).or_else(|| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(schedule: &str, zone: &str, after: &str) -> String {
        let schedule = Schedule::parse(schedule, zone).expect("a schedule");
        schedule.next(after.parse().expect("a time")).map(|at| at.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_next_time_is_found() {
        for (schedule, after, expected) in [
            ("*/5 * * * *", "2026-11-24T10:02:00Z", "2026-11-24T10:05:00Z"),
            ("*/5 * * * *", "2026-11-24T10:05:00Z", "2026-11-24T10:10:00Z"),
            ("0 3 * * *", "2026-11-24T10:02:00Z", "2026-11-25T03:00:00Z"),
            ("30 8 1 * *", "2026-11-24T10:02:00Z", "2026-12-01T08:30:00Z"),
            ("0 0 * * mon-fri", "2026-11-27T10:02:00Z", "2026-11-30T00:00:00Z"),
            ("0 0 13 * 5", "2026-11-24T10:02:00Z", "2026-11-27T00:00:00Z"),
            ("0 0 29 2 *", "2026-11-24T10:02:00Z", "2028-02-29T00:00:00Z"),
            ("@hourly", "2026-11-24T10:02:00Z", "2026-11-24T11:00:00Z"),
            ("@every 1h30m", "2026-11-24T10:02:00Z", "2026-11-24T11:32:00Z"),
            ("0 0 31 2 *", "2026-11-24T10:02:00Z", ""),
        ] {
            assert_eq!(next(schedule, "", after), expected, "{schedule}");
        }
    }

    #[test]
    fn a_zone_decides_which_hour_it_is() {
        assert_eq!(next("0 9 * * *", "Europe/Berlin", "2026-11-24T10:02:00Z"), "2026-11-25T08:00:00Z");
        assert_eq!(next("0 9 * * *", "Europe/Berlin", "2026-07-24T10:02:00Z"), "2026-07-25T07:00:00Z");
        assert_eq!(next("30 2 * * *", "Europe/Berlin", "2026-03-28T10:02:00Z"), "2026-03-30T00:30:00Z", "that hour is skipped");
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in ["", "* * * *", "60 * * * *", "* * * * 7", "*/0 * * * *", "5-1 * * * *", "@never", "a b c d e", "@every 5"] {
            assert_eq!(Schedule::parse(text, ""), None, "{text}");
        }
        assert_eq!(Schedule::parse("* * * * *", "Nowhere/Land"), None);
    }
}

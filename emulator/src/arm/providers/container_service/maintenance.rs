//! Maintenance configurations: when AKS may work on a cluster. Three names are known; `default` says hours of days of a week, the two
//! others a window that recurs. Ranges and patterns are those of AKS' REST reference, which schedule goes with which name is its
//! documentation's; the texts of refusals are inferred from AKS' other refusals of parameters.

use serde_json::{Map, Value, json};

use super::super::super::Request;
use super::super::super::error::Error;
use super::children::Child;
use super::errors;
use crate::kernel::clock::rfc3339_seconds;

/// `maintenanceConfigurations`.
pub(super) const MAINTENANCE: Child =
    Child { noun: "maintenance configuration", accept, shown_in_full: false, long_deletion: None };

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const WEEKS: [&str; 5] = ["First", "Second", "Third", "Fourth", "Last"];

fn accept(request: &Request<'_>, name: &str, sent: &Map<String, Value>) -> Result<Map<String, Value>, Error> {
    let window = sent.get("maintenanceWindow").filter(|window| !window.is_null());
    let week = sent.get("timeInWeek").and_then(Value::as_array).filter(|week| !week.is_empty());
    let mut kept = Map::new();
    match (name, window, week) {
        ("default" | "aksManagedAutoUpgradeSchedule" | "aksManagedNodeOSUpgradeSchedule", Some(_), Some(_)) => {
            return Err(errors::invalid_value("maintenanceWindow", "maintenanceWindow and timeInWeek exclude each other"));
        }
        ("default", None, week) => {
            let week = week.ok_or_else(|| errors::invalid_value("timeInWeek", "it must name at least one day"))?;
            week.iter().try_for_each(time_in_week)?;
            kept.insert("timeInWeek".into(), json!(week));
            let spans = sent.get("notAllowedTime").and_then(Value::as_array).cloned().unwrap_or_default();
            let spans = spans.iter().map(time_span).collect::<Result<Vec<_>, _>>()?;
            // Nothing is not shown.
            if !spans.is_empty() {
                kept.insert("notAllowedTime".into(), json!(spans));
            }
        }
        ("default" | "aksManagedAutoUpgradeSchedule" | "aksManagedNodeOSUpgradeSchedule", Some(window), None) => {
            kept.insert("maintenanceWindow".into(), self::window(request, name, window)?);
        }
        ("aksManagedAutoUpgradeSchedule" | "aksManagedNodeOSUpgradeSchedule", None, _) => {
            return Err(errors::invalid_value("maintenanceWindow", "this configuration needs a maintenance window"));
        }
        _ => {
            let why = "it must be default, aksManagedAutoUpgradeSchedule or aksManagedNodeOSUpgradeSchedule";
            return Err(errors::invalid_value("configName", why));
        }
    }
    Ok(kept)
}

fn time_in_week(entry: &Value) -> Result<(), Error> {
    if !entry["day"].as_str().is_some_and(|day| DAYS.contains(&day)) {
        return Err(errors::invalid_value("timeInWeek.day", "it must be a day of the week, such as Monday"));
    }
    let hours = entry["hourSlots"].as_array().filter(|hours| !hours.is_empty());
    let good = hours.is_some_and(|hours| hours.iter().all(|hour| hour.as_i64().is_some_and(|hour| (0..24).contains(&hour))));
    if good { Ok(()) } else { Err(errors::invalid_value("timeInWeek.hourSlots", "hours are from 0 to 23")) }
}

/// A span of time with its ends as AKS writes them, in seconds.
fn time_span(span: &Value) -> Result<Value, Error> {
    let moment = |member: &str| span[member].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    match (moment("start"), moment("end")) {
        (Some(start), Some(end)) if start <= end => Ok(json!({ "start": rfc3339_seconds(start), "end": rfc3339_seconds(end) })),
        _ => Err(errors::invalid_value("notAllowedTime", "start and end must be times, the start not after the end")),
    }
}

fn window(request: &Request<'_>, name: &str, window: &Value) -> Result<Value, Error> {
    let bad = |member: &str, why: &str| Err(errors::invalid_value(&format!("maintenanceWindow.{member}"), why));
    let schedule = schedule(name, &window["schedule"])?;
    let hours = window.get("durationHours").filter(|hours| !hours.is_null()).cloned().unwrap_or(json!(24));
    if !hours.as_i64().is_some_and(|hours| (4..=24).contains(&hours)) {
        return bad("durationHours", "it must be from 4 to 24");
    }
    let offset = window["utcOffset"].as_str().unwrap_or("+00:00");
    if !offset.strip_prefix(['+', '-']).is_some_and(is_time) {
        return bad("utcOffset", "it must have the form +HH:mm or -HH:mm");
    }
    let start = window["startTime"].as_str().unwrap_or_default();
    if !is_time(start) {
        return bad("startTime", "it must have the form HH:mm");
    }
    let date = |text: &str| text.get(..10).and_then(|text| text.parse::<jiff::civil::Date>().ok());
    let today = request.now.strftime("%Y-%m-%d").to_string();
    let Some(begins) = date(window["startDate"].as_str().unwrap_or(&today)) else {
        return bad("startDate", "it must have the form YYYY-MM-DD");
    };
    let mut kept = json!({
        "schedule": schedule, "durationHours": hours, "utcOffset": offset, "startDate": begins.to_string(), "startTime": start,
    });
    let mut spans = Vec::new();
    for span in window["notAllowedDates"].as_array().into_iter().flatten() {
        match (span["start"].as_str().and_then(date), span["end"].as_str().and_then(date)) {
            (Some(start), Some(end)) if start <= end => {
                spans.push(json!({ "start": start.to_string(), "end": end.to_string() }));
            }
            _ => return bad("notAllowedDates", "start and end must be dates, the start not after the end"),
        }
    }
    if !spans.is_empty() {
        kept["notAllowedDates"] = json!(spans);
    }
    Ok(kept)
}

/// `HH:mm`.
fn is_time(text: &str) -> bool {
    let number = |part: &str, below: u32| part.len() == 2 && part.parse::<u32>().is_ok_and(|number| number < below);
    text.split_once(':').is_some_and(|(hours, minutes)| number(hours, 24) && number(minutes, 60))
}

fn schedule(name: &str, schedule: &Value) -> Result<Value, Error> {
    let bad = |member: &str, why: &str| Err(errors::invalid_value(&format!("maintenanceWindow.schedule{member}"), why));
    let kinds = ["daily", "weekly", "absoluteMonthly", "relativeMonthly"];
    let given: Vec<&str> = kinds.into_iter().filter(|kind| schedule[kind].is_object()).collect();
    let [kind] = given.as_slice() else {
        return bad("", "exactly one of daily, weekly, absoluteMonthly and relativeMonthly must be given");
    };
    let inner = &schedule[kind];
    let within = |member: &str, most: i64| inner[member].as_i64().is_some_and(|number| (1..=most).contains(&number));
    let one_of = |member: &str, known: &[&str]| inner[member].as_str().is_some_and(|text| known.contains(&text));
    let checks: &[(&str, bool, &str)] = match *kind {
        "daily" if name != "aksManagedNodeOSUpgradeSchedule" => {
            return bad(".daily", "only aksManagedNodeOSUpgradeSchedule may recur by days");
        }
        "weekly" if name == "default" && inner["intervalWeeks"].as_i64() != Some(1) => {
            return bad(".weekly.intervalWeeks", "default recurs every week");
        }
        kind if name == "default" && kind != "weekly" => return bad("", "default recurs every week"),
        "daily" => &[("intervalDays", within("intervalDays", 7), "it must be from 1 to 7")],
        "weekly" => &[
            ("intervalWeeks", within("intervalWeeks", 4), "it must be from 1 to 4"),
            ("dayOfWeek", one_of("dayOfWeek", &DAYS), "it must be a day of the week, such as Monday"),
        ],
        "absoluteMonthly" => &[
            ("intervalMonths", within("intervalMonths", 6), "it must be from 1 to 6"),
            ("dayOfMonth", within("dayOfMonth", 31), "it must be from 1 to 31"),
        ],
        _ => &[
            ("intervalMonths", within("intervalMonths", 6), "it must be from 1 to 6"),
            ("weekIndex", one_of("weekIndex", &WEEKS), "it must be First, Second, Third, Fourth or Last"),
            ("dayOfWeek", one_of("dayOfWeek", &DAYS), "it must be a day of the week, such as Monday"),
        ],
    };
    let mut kept = Map::new();
    for (member, good, why) in checks {
        if !good {
            return bad(&format!(".{kind}.{member}"), why);
        }
        kept.insert((*member).to_owned(), inner[*member].clone());
    }
    Ok(json!({ *kind: kept }))
}

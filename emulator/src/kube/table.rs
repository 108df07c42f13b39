//! Server-side printing: a list as a `Table`, as `kubectl get` shows it. Follows `pkg/printers/internalversion/printers.go` and
//! apimachinery's `duration.HumanDuration`; columns are in the table of kinds.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::kinds::{self, Kind};
use super::{cells, convert, custom};

/// How much of each object a row carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeObject {
    /// Nothing.
    None,
    /// Its metadata.
    #[default]
    Metadata,
    /// All.
    Object,
}

impl IncludeObject {
    /// Reads `includeObject`.
    pub fn parse(text: Option<&str>) -> Self {
        match text {
            Some("None") => Self::None,
            Some("Object") => Self::Object,
            _ => Self::Metadata,
        }
    }
}

/// The columns of a kind.
pub fn column_definitions(kind: &Kind) -> Value {
    if let Some(version) = &kind.custom {
        return custom::column_definitions(&version.columns);
    }
    let mut columns = Vec::new();
    let own = kind.columns.iter().map(|text| read_column(text));
    if kind.hub != kinds::EVENTS.index {
        columns.push(column("Name", "string", "name", 0));
    }
    columns.extend(own);
    columns.into()
}

fn read_column(text: &str) -> Value {
    let (text, priority) = match text.strip_suffix(" 1") {
        Some(rest) => (rest, 1),
        None => (text, 0),
    };
    let (name, type_name) = text.rsplit_once(' ').unwrap_or((text, "string"));
    column(name, type_name, if name == "Name" { "name" } else { "" }, priority)
}

fn column(name: &str, type_name: &str, format: &str, priority: i32) -> Value {
    let description = match name {
        "Name" => "The name, unique among the objects of this kind in its namespace.",
        "Age" => "How long ago the object was created.",
        _ => "",
    };
    json!({"name": name, "type": type_name, "format": format, "description": description, "priority": priority})
}

/// One row.
pub fn row(kind: &Kind, object: &Value, include: IncludeObject, now: Timestamp) -> Value {
    let carried = match include {
        IncludeObject::None => Value::Null,
        IncludeObject::Object => convert::shown(kind, object).into_owned(),
        IncludeObject::Metadata => {
            json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
        }
    };
    let cells = match &kind.custom {
        Some(version) => custom::cells(&version.columns, object, now),
        None => cells::of(kind, object, now),
    };
    let mut row = json!({ "cells": cells });
    if kind.index == kinds::PODS.index
        && let Some(phase @ ("Succeeded" | "Failed")) = object["status"]["phase"].as_str()
    {
        let message = if phase == "Succeeded" { "The pod has completed successfully." } else { "The pod failed." };
        row["conditions"] = json!([{"type": "Completed", "status": "True", "reason": phase, "message": message}]);
    }
    row["object"] = carried;
    row
}

/// A table of rows.
pub fn table(metadata: Value, columns: Value, rows: Vec<Value>) -> Value {
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": columns, "rows": rows})
}

/// The time since, in the words of `kubectl get`: `5m16s`, `3d4h`.
pub fn age(since: &Value, now: Timestamp) -> String {
    let Some(since) = since.as_str().and_then(|text| text.parse::<Timestamp>().ok()) else { return "<unknown>".into() };
    human_duration(now.as_second().saturating_sub(since.as_second()))
}

/// A number of seconds with two units at most, the finer one only where it matters.
pub fn human_duration(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |high: i64, high_unit: &str, low: i64, low_unit: &str| {
        if low == 0 { format!("{high}{high_unit}") } else { format!("{high}{high_unit}{low}{low_unit}") }
    };
    match seconds {
        ..-1 => "<invalid>".into(),
        -1 => "0s".into(),
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => two(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_as_kubectl_tells_them() {
        let told = [0, 119, 120, 316, 599, 600, 10_799, 10_800, 12_000, 28_800, 172_799, 172_800, 180_000, 691_200, 70_000_000];
        let expected =
            ["0s", "119s", "2m", "5m16s", "9m59s", "10m", "179m", "3h", "3h20m", "8h", "47h", "2d", "2d2h", "8d", "2y80d"];
        assert_eq!(told.map(human_duration), expected);
        assert_eq!(human_duration(-5), "<invalid>");
    }

    #[test]
    fn every_row_has_a_cell_for_each_column() {
        for kind in kinds::all() {
            let cells = cells::of(kind, &json!({"metadata": {"name": "x"}}), Timestamp::UNIX_EPOCH);
            assert_eq!(cells.len(), column_definitions(kind).as_array().map_or(0, Vec::len), "{}", kind.plural);
        }
    }
}

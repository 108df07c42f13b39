//! Maintenance configurations. Sources: AKS' REST reference (ranges, patterns), its documentation of planned maintenance (which schedule
//! goes with which name), the recorded form of the answers (200 for creation too). The texts of refusals are inferred.

use azlet_tests::{Azlet, arm, resource_id};
use serde_json::{Value, json};

const VERSION: &str = "2026-06-01";

fn url(name: &str) -> String {
    let id = resource_id("rg", "Microsoft.ContainerService/managedClusters/c/maintenanceConfigurations");
    arm(&if name.is_empty() { id } else { format!("{id}/{name}") }, VERSION)
}

fn window(schedule: &Value) -> Value {
    json!({ "properties": { "maintenanceWindow": { "schedule": schedule, "durationHours": 8, "startTime": "22:00" } } })
}

fn with(member: &str, value: Value) -> Value {
    let mut body = window(&json!({ "weekly": { "intervalWeeks": 1, "dayOfWeek": "Friday" } }));
    body["properties"]["maintenanceWindow"][member] = value;
    body
}

#[tokio::test]
async fn a_configuration_lives_from_put_to_delete() {
    let (azlet, owner) = Azlet::with_group().await;
    azlet.cluster(&owner, 1).await;
    let week = json!({ "properties": {
        "timeInWeek": [{ "day": "Monday", "hourSlots": [1, 2] }],
        "notAllowedTime": [{ "start": "2026-11-26T03:00:00.000Z", "end": "2026-11-30T12:00:00.000Z" }],
    } });
    insta::assert_snapshot!("maintenance_default", owner.put(&url("default"), &week).await.golden());
    let auto = owner.put(&url("aksManagedAutoUpgradeSchedule"), &with("startDate", json!("2026-12-01T00:00:00Z"))).await;
    insta::assert_snapshot!("maintenance_window", auto.golden());
    let daily = window(&json!({ "daily": { "intervalDays": 3 } }));
    assert_eq!(owner.put(&url("aksManagedNodeOSUpgradeSchedule"), &daily).await.status(), 200);
    insta::assert_snapshot!("maintenance_list", owner.get(&url("")).await.golden());
    assert_eq!(owner.delete(&url("default")).await.status(), 200);
    assert_eq!(owner.delete(&url("default")).await.status(), 204, "what is gone can be deleted again");
    insta::assert_snapshot!("maintenance_absent_inferred", owner.get(&url("default")).await.golden());
    let nowhere = url("default").replace("/managedClusters/c/", "/managedClusters/none/");
    assert_eq!(owner.get(&nowhere).await.error_code(), "ResourceNotFound");
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused() {
    let (azlet, owner) = Azlet::with_group().await;
    azlet.cluster(&owner, 1).await;
    let auto = "aksManagedAutoUpgradeSchedule";
    let weekly = |weeks: i64, day: &str| json!({ "weekly": { "intervalWeeks": weeks, "dayOfWeek": day } });
    let cases = [
        ("a name of one's own", "mine", with("startTime", json!("22:00"))),
        ("a named schedule without a window", auto, json!({ "properties": {} })),
        ("default without days", "default", json!({ "properties": {} })),
        ("a day that is none", "default", json!({ "properties": { "timeInWeek": [{ "day": "Mon", "hourSlots": [1] }] } })),
        ("an hour that is none", "default", json!({ "properties": { "timeInWeek": [{ "day": "Monday", "hourSlots": [24] }] } })),
        (
            "a span that ends before it begins",
            "default",
            json!({ "properties": {
                "timeInWeek": [{ "day": "Monday", "hourSlots": [1] }],
                "notAllowedTime": [{ "start": "2026-11-30T00:00:00Z", "end": "2026-11-29T00:00:00Z" }],
            } }),
        ),
        ("default every second week", "default", window(&weekly(2, "Monday"))),
        ("days for upgrades of Kubernetes", auto, window(&json!({ "daily": { "intervalDays": 1 } }))),
        ("every fifth week", auto, window(&weekly(5, "Monday"))),
        ("a week day in lower case", auto, window(&weekly(1, "monday"))),
        ("the 32nd", auto, window(&json!({ "absoluteMonthly": { "intervalMonths": 1, "dayOfMonth": 32 } }))),
        (
            "the fifth week",
            auto,
            window(&json!({ "relativeMonthly": { "intervalMonths": 1, "weekIndex": "Fifth", "dayOfWeek": "Monday" } })),
        ),
        (
            "two schedules",
            auto,
            window(&json!({ "weekly": { "intervalWeeks": 1, "dayOfWeek": "Monday" }, "daily": { "intervalDays": 1 } })),
        ),
        ("no schedule", auto, window(&json!({}))),
        ("three hours", auto, with("durationHours", json!(3))),
        ("an offset without a sign", auto, with("utcOffset", json!("01:00"))),
        ("a start without minutes", auto, with("startTime", json!("22"))),
        ("a date that is none", auto, with("startDate", json!("2026-13-01"))),
        ("no properties", auto, json!({})),
    ];
    let mut told = Vec::new();
    for (case, name, body) in cases {
        let answer = owner.put(&url(name), &body).await;
        let error = answer.json();
        told.push(format!("{case}: {} {} {}\n  {}", answer.status(), error["code"], error["target"], error["message"]));
    }
    insta::assert_snapshot!("maintenance_refused_inferred", told.join("\n"));
}

#[tokio::test]
async fn who_may_only_read_may_not_write() {
    let (azlet, owner) = Azlet::with_group().await;
    azlet.cluster(&owner, 1).await;
    let reader = azlet.actor("reader").await;
    assert_eq!(reader.get(&url("")).await.json(), json!({ "value": [] }));
    let denied = reader.put(&url("default"), &json!({ "properties": {} })).await;
    assert!(
        denied.text().contains("Microsoft.ContainerService/managedClusters/maintenanceConfigurations/write"),
        "{}",
        denied.golden()
    );
}

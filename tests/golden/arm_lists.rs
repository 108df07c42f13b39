//! Lists in pages, what they may be asked for, and what they cost. Source: the ARM resource provider contract ("Resource
//! collections") and the Resources API's specification; the size of a page and the texts of the refusals are inferred.

use std::collections::BTreeSet;

use azlet::arm::store::Resource;
use azlet::kernel::principal::{Caller, PrincipalKind};
use azlet::kernel::resource_id::ResourceId;
use azlet_tests::{ARM, Actor, Azlet, SUBSCRIPTION, arm, resource_id};
use serde_json::{Value, json};

const VERSION: &str = "2024-11-01";
const IDENTITY: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";

/// Puts resources into the store without the wire, which would take too long for as many.
fn plant(azlet: &Azlet, group: &str, count: usize) {
    let world = azlet.world();
    let now = world.clock.now();
    let caller =
        Caller { object_id: uuid::Uuid::nil(), label: "test".into(), kind: PrincipalKind::ServicePrincipal, groups: Vec::new() };
    for number in 0..count {
        let id = ResourceId::new(&resource_id(group, &format!("{IDENTITY}/identity{number:06}")));
        world.arm.put_resource(Resource { location: Some("westus2".into()), ..Resource::new(id, IDENTITY, &caller, now) });
    }
}

async fn group(owner: &Actor, name: &str) {
    let url = arm(&format!("/subscriptions/{SUBSCRIPTION}/resourcegroups/{name}"), VERSION);
    assert_eq!(owner.put(&url, &json!({ "location": "westus2" })).await.status(), 201);
}

fn rows(answer: &Value) -> Vec<String> {
    let rows = answer["value"].as_array().expect("a list");
    rows.iter().filter_map(|row| Some(row["name"].as_str()?.to_owned())).collect()
}

#[tokio::test]
async fn a_list_is_read_page_by_page_along_its_links() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    group(&owner, "rg").await;
    plant(&azlet, "rg", 25);
    let lists = [
        format!("/subscriptions/{SUBSCRIPTION}/resources?$filter=resourceType%20eq%20'{IDENTITY}'&$top=10"),
        format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/resources?%24TOP=10"),
        format!("/subscriptions/{SUBSCRIPTION}/providers/{IDENTITY}?$top=10"),
        format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/{IDENTITY}?$top=10"),
    ];
    for list in lists {
        let version = if list.contains("/providers/") { "2024-11-30" } else { VERSION };
        let mut url = arm(&list, version);
        let (mut seen, mut pages) = (BTreeSet::new(), Vec::new());
        loop {
            let answer = owner.get(&url).await;
            assert_eq!(answer.status(), 200, "{}", answer.golden());
            let page = rows(&answer.json());
            pages.push(page.len());
            seen.extend(page);
            match answer.json()["nextLink"].as_str() {
                Some(next) => {
                    assert!(next.starts_with(&format!("{ARM}/subscriptions/{SUBSCRIPTION}/")), "{next}");
                    assert!(next.contains("api-version=") && next.contains("%24skiptoken="), "{next}");
                    assert_eq!(next.matches("skiptoken").count(), 1, "{next}");
                    url = next.to_owned();
                }
                None => break,
            }
        }
        assert_eq!((pages, seen.len()), (vec![10, 10, 5], 25), "{list}");
    }
}

#[tokio::test]
async fn the_last_page_has_no_link_and_a_page_no_more_than_a_thousand_rows() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    group(&owner, "rg").await;
    let url = arm(&format!("/subscriptions/{SUBSCRIPTION}/resources"), VERSION);
    assert_eq!(owner.get(&url).await.json(), json!({ "value": [] }));
    plant(&azlet, "rg", 1001);
    let first = owner.get(&url).await.json();
    assert_eq!(rows(&first).len(), 1000);
    let last = owner.get(first["nextLink"].as_str().expect("a link")).await.json();
    assert_eq!((rows(&last), last.get("nextLink")), (vec!["identity001000".to_owned()], None));
    let exact = owner.get(&arm(&format!("/subscriptions/{SUBSCRIPTION}/resources?$top=1000"), VERSION)).await.json();
    assert!(exact["nextLink"].is_string());
}

#[tokio::test]
async fn a_filter_that_finds_little_may_end_a_page_early_but_finds_all() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    group(&owner, "rg").await;
    plant(&azlet, "rg", 100);
    let path = format!("/subscriptions/{SUBSCRIPTION}/resources?$filter=name%20eq%20'identity000099'&$top=2");
    let mut answer = owner.get(&arm(&path, VERSION)).await.json();
    let mut found = rows(&answer);
    let mut pages = 1;
    while let Some(next) = answer["nextLink"].as_str().map(str::to_owned) {
        answer = owner.get(&next).await.json();
        found.extend(rows(&answer));
        pages += 1;
    }
    assert_eq!((found, pages), (vec!["identity000099".to_owned()], 5));
}

#[tokio::test]
async fn a_page_that_cannot_be_is_refused() {
    let azlet = Azlet::start().await;
    let owner = azlet.owner().await;
    let get = async |query: &str| owner.get(&arm(&format!("/subscriptions/{SUBSCRIPTION}/resources?{query}"), VERSION)).await;
    insta::assert_snapshot!("list_bad_top", get("$top=ten").await.golden());
    insta::assert_snapshot!("list_bad_skiptoken", get("$skiptoken=nonsense").await.golden());
    for query in ["$top=0", "$top=-1", "$top=99999999999999999999999", "$skiptoken=L3N1YnNjcmlwdGlvbnM"] {
        assert_eq!(get(query).await.status(), 400, "{query}");
    }
    assert_eq!(get("filter=name%20eq%20'x'&top=0").await.status(), 200, "without a $ they are no options");
}

/// ARM's own lists of groups and resources leave out what the caller may not read, as people with a role in one group alone see
/// them; who has no role at all is refused. Inferred from what users report of `az group list` and `az resource list`.
#[tokio::test]
async fn who_may_read_a_part_is_shown_that_part() {
    const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
    const ACR_PULL: &str = "7f951dda-4ed3-4680-a7ca-43fe172d538d";
    let azlet = Azlet::start().await;
    let (owner, nobody) = (azlet.owner().await, azlet.actor("nobody").await);
    for name in ["open", "shut"] {
        group(&owner, name).await;
        plant(&azlet, name, 2);
    }
    let list = |what: &str| arm(&format!("/subscriptions/{SUBSCRIPTION}/{what}"), VERSION);
    for what in ["resourcegroups", "resources"] {
        assert_eq!(nobody.get(&list(what)).await.error_code(), "AuthorizationFailed", "{what}");
    }
    let give = async |scope: &str, role: &str, name: &str| {
        let url = arm(&format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"), "2022-04-01");
        let body = json!({ "properties": {
            "roleDefinitionId": format!("/providers/Microsoft.Authorization/roleDefinitions/{role}"),
            "principalId": azlet.object_id("nobody"),
        } });
        assert_eq!(owner.put(&url, &body).await.status(), 201);
    };
    let scope = |group: &str| format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}");
    give(&scope("shut"), ACR_PULL, "11111111-0000-4000-8000-0000000000f1").await;
    let seen = async |what: &str| rows(&nobody.get(&list(what)).await.json());
    assert_eq!(seen("resourcegroups").await, Vec::<String>::new(), "a role that reads no groups");
    give(&scope("open"), READER, "11111111-0000-4000-8000-0000000000f2").await;
    assert_eq!(seen("resourcegroups").await, ["open"]);
    let names = ["identity000000", "identity000001"];
    assert_eq!(seen("resources").await, names);
    assert!(nobody.get(&list("resources")).await.text().contains("/resourceGroups/open/"));
    assert_eq!(seen("resourceGroups/shut/resources").await, Vec::<String>::new());
    assert_eq!(seen("resourceGroups/open/resources").await, names);
}

/// Source: recorded lists of clusters and pools, whose links carry the number of a row in AKS' own table.
#[tokio::test]
async fn no_cluster_lies_behind_a_row_of_aks_own_table() {
    let (_azlet, owner) = Azlet::with_group().await;
    let clusters =
        format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters");
    let get = async |query: &str| owner.get(&arm(&format!("{clusters}?{query}"), "2024-07-01")).await;
    let behind = get("$skipToken=1812853&skipToken=1812853").await;
    assert_eq!((behind.status(), behind.json()), (200, json!({ "value": [] })));
    assert_eq!(get("$skipToken=nonsense").await.status(), 400);
    assert_eq!(get("").await.json(), json!({ "value": [] }), "an empty page has no link");
}

#[tokio::test]
async fn a_page_of_clusters_or_pools_links_to_the_empty_one_behind_it() {
    let (_azlet, owner) = Azlet::with_group().await;
    let cluster = arm(&resource_id("rg", "Microsoft.ContainerService/managedClusters/c"), "2024-07-01");
    let body = json!({ "location": "westus2", "identity": { "type": "SystemAssigned" }, "properties": {
        "dnsPrefix": "c",
        "agentPoolProfiles": [{ "name": "np", "count": 1, "vmSize": "Standard_D2s_v3", "mode": "System" }],
    } });
    owner.put_and_wait(&cluster, &body).await;
    for list in ["managedClusters", "managedClusters/c/agentPools"] {
        let id = resource_id("rg", &format!("Microsoft.ContainerService/{list}"));
        let page = owner.get(&arm(&id, "2024-07-01")).await.json();
        let link = page["nextLink"].as_str().expect("a link");
        let (place, query) = link.split_once('?').expect("a query");
        let row = query.rsplit_once('=').expect("a number").1;
        assert_eq!((rows(&page).len(), place), (1, format!("{ARM}{id}").as_str()));
        assert_eq!(query, format!("%24skipToken={row}&api-version=2024-07-01&skipToken={row}"));
        assert!(row.bytes().all(|byte| byte.is_ascii_digit()), "{link}");
        let behind = owner.get(link).await;
        assert_eq!((behind.status(), behind.json()), (200, json!({ "value": [] })), "{list}");
    }
}

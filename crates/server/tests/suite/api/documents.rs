//! A wall around the document for people: it tells of every route, with its permission, and of none that is not there.

use std::collections::BTreeSet;
use std::path::Path;

use super::world::World;

#[tokio::test]
async fn every_route_stands_in_the_api_document_and_every_route_there_is_served() {
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/server-api.md");
    let text = std::fs::read_to_string(text).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('|').map(str::trim).collect()).collect();
    let told: BTreeSet<&str> = rows.iter().filter_map(|row| row.get(1)?.strip_prefix('`')?.strip_suffix('`')).collect();
    let told: BTreeSet<&str> = told.into_iter().filter(|words| words.contains(" /")).collect();

    let world = World::new().await;
    let served: BTreeSet<String> =
        world.operations().into_iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    let missing: Vec<_> = served.iter().filter(|route| !told.contains(route.as_str())).collect();
    assert!(missing.is_empty(), "docs/server-api.md does not tell of these: {missing:#?}");
    let gone: Vec<_> = told.iter().filter(|route| !served.contains(**route)).collect();
    assert!(gone.is_empty(), "docs/server-api.md tells of these, which are not served: {gone:#?}");

    for (method, path, scope) in world.operations() {
        let Some(scope) = scope else { continue };
        let route = format!("`{method} {path}`");
        let row = rows.iter().find(|row| row.get(1) == Some(&route.as_str())).unwrap();
        assert!(row[2].contains(&format!("`{scope}`")), "docs/server-api.md: {route} needs {scope}, not {}", row[2]);
    }
}

//! What the documents say about the code, held against the code: every claim of `docs/COVERAGE.md` has a witness that exists, and
//! `use` edges point the way that `docs/ARCHITECTURE.md` says.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            files.extend(rust_files(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            files.push(entry);
        }
    }
    files.sort();
    files
}

/// Whether `function` is a test in `source`.
fn has_test(source: &str, function: &str) -> bool {
    let heads = [format!("fn {function}("), format!("async fn {function}(")];
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    lines.iter().enumerate().any(|(position, line)| {
        let named = heads.iter().any(|head| line.starts_with(head.as_str()));
        named
            && lines[..position]
                .iter()
                .rev()
                .take(4)
                .any(|above| above.starts_with("#[test]") || above.starts_with("#[tokio::test"))
    })
}

/// Where a witness lies, and whether it is there.
fn witness_exists(witness: &str) -> bool {
    let parts: Vec<&str> = witness.split("::").collect();
    let source = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
    match parts.as_slice() {
        ["golden", file, function] => has_test(&source(root().join("tests/golden").join(format!("{file}.rs"))), function),
        ["emulator" | "client", modules @ .., "tests", function] => {
            let base = root().join(parts[0]).join("src").join(modules.join("/"));
            let files = [base.with_extension("rs"), base.join("mod.rs"), base.join("tests.rs")];
            files.into_iter().any(|file| has_test(&source(file), function))
        }
        ["real-clients", script] => root().join("tests/real-clients").join(script).is_file(),
        _ => false,
    }
}

#[test]
fn every_claim_of_the_coverage_has_a_witness() {
    let coverage = read(&root().join("docs/COVERAGE.md"));
    let rows: Vec<&str> = coverage.lines().filter(|line| line.starts_with("| ")).collect();
    let mut missing = Vec::new();
    let mut claims = 0;
    for row in rows.iter().filter(|row| !row.starts_with("| claim") && !row.starts_with("| ---")) {
        claims += 1;
        let cells: Vec<&str> = row.trim_matches('|').rsplitn(2, '|').map(str::trim).collect();
        let witnesses: Vec<&str> = cells[0].split(',').map(|witness| witness.trim().trim_matches('`')).collect();
        missing
            .extend(witnesses.into_iter().filter(|witness| !witness_exists(witness)).map(|witness| format!("{witness}: {row}")));
    }
    assert!(claims > 15, "the coverage has only {claims} claims: is it still the table that this test reads?");
    assert!(missing.is_empty(), "claims without a witness:\n{}", missing.join("\n"));
}

/// The modules of the emulator, from the lowest to the highest; a file may use those of its own and of lower ranks.
const RANKS: [(&str, u8); 13] = [
    ("kernel", 0),
    ("world", 2),
    ("entra", 3),
    ("graph", 4),
    ("imds", 4),
    ("logs", 4),
    ("acr", 5),
    ("kube", 6),
    ("arm", 7),
    ("control", 8),
    ("front", 9),
    ("cli", 10),
    ("main", 11),
];
/// A plane's `store.rs` stands between the kernel and the world, which holds it.
const STORE_RANK: u8 = 1;

fn rank(module: &str) -> Option<u8> {
    RANKS.iter().find(|(name, _)| *name == module).map(|(_, rank)| *rank)
}

/// The rank of what a path behind `crate::` names.
fn rank_of_path(path: &str) -> Option<u8> {
    let mut segments = path.split("::");
    let module = segments.next()?;
    if segments.next() == Some("store") && !matches!(module, "kernel" | "world") {
        return Some(STORE_RANK);
    }
    // The seed, and where a request came in, are plain data that anyone may know.
    if path.starts_with("world::Seed") || path.starts_with("front::conn") {
        return Some(STORE_RANK);
    }
    rank(module)
}

/// Whether a file is a module of tests alone, by how the folder's `mod.rs` declares it.
fn is_test_module(file: &Path) -> bool {
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let parent = fs::read_to_string(file.with_file_name("mod.rs")).unwrap_or_default();
    parent.contains(&format!("#[cfg(test)]\nmod {name};"))
}

/// The paths behind every `crate::` of a source, with `{…}` groups taken apart one level deep.
fn crate_paths(source: &str) -> Vec<String> {
    let code: String = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut paths = Vec::new();
    for (position, _) in code.match_indices("crate::") {
        let rest = &code[position + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let inner = &group[..group.find("};").unwrap_or(group.len())];
            paths.extend(inner.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()));
        } else {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
            let path = rest[..end].trim_end_matches(':');
            match rest[end..].strip_prefix('{') {
                Some(group) => {
                    let inner = &group[..group.find('}').unwrap_or(group.len())];
                    paths.extend(inner.split(',').map(|item| format!("{path}::{}", item.trim())));
                }
                None => paths.push(path.to_owned()),
            }
        }
    }
    paths
}

#[test]
fn edges_point_one_way() {
    let source_root = root().join("emulator/src");
    let mut wrong = Vec::new();
    for file in rust_files(&source_root).into_iter().filter(|file| !is_test_module(file)) {
        let relative = file.strip_prefix(&source_root).expect("below the root").to_string_lossy().into_owned();
        let module = relative.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
        let Some(own_module) = rank(&module) else {
            assert_eq!(module, "lib", "{relative} belongs to no module that this test knows");
            continue;
        };
        let is_store = relative.ends_with("/store.rs") || relative.contains("/store/");
        let own = if is_store { STORE_RANK } else { own_module };
        let source = read(&file);
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        for path in crate_paths(code) {
            let target = path.split("::").next().unwrap_or_default();
            let allowed = rank_of_path(&path).is_none_or(|rank| rank <= own) || target == module;
            // Two planes of the same rank know nothing of each other.
            let siblings = rank(target) == Some(own_module) && target != module;
            if !allowed || siblings {
                wrong.push(format!("{relative} uses crate::{path}"));
            }
        }
    }
    assert!(wrong.is_empty(), "edges that point the wrong way:\n{}", wrong.join("\n"));
}

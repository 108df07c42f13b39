//! Lists in pages. A page costs what it holds, however much lies before and behind it: it begins at a key in the order of ids and
//! ends at another.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::{Group, Resource, Store};
use crate::kernel::resource_id::ResourceId;

/// How many entries are looked at for each that a page may hold. A condition that lets little through ends a page early, even an
/// empty one, so that no request looks at everything.
const LOOKED_AT: usize = 10;

/// Which part of a list is wanted.
#[derive(Clone, Debug)]
pub struct Window {
    /// The key of the last entry of the page before.
    pub after: Option<String>,
    /// How many entries at most.
    pub size: usize,
}

/// A part of a list, in the order of ids.
#[derive(Debug)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<Arc<T>>,
    /// The key behind which the list goes on; nothing at its end.
    pub next: Option<String>,
}

impl Window {
    fn start(&self, prefix: String) -> Bound<String> {
        self.after.clone().map_or(Bound::Included(prefix), Bound::Excluded)
    }

    /// Cuts the page out of what begins where the window does.
    fn cut<'a, T: 'a>(
        &self,
        entries: impl Iterator<Item = (&'a String, &'a Arc<T>)>,
        mut wanted: impl FnMut(&T) -> bool,
    ) -> Page<T> {
        let mut items = Vec::new();
        let mut last: Option<&String> = None;
        let budget = self.size.saturating_mul(LOOKED_AT);
        for (looked, (key, item)) in entries.enumerate() {
            if looked == budget {
                return Page { items, next: last.cloned() };
            }
            if wanted(item) {
                if items.len() == self.size {
                    return Page { items, next: last.cloned() };
                }
                items.push(item.clone());
            }
            last = Some(key);
        }
        Page { items, next: None }
    }
}

impl Store {
    /// A page of the resources of one type below a scope.
    pub fn page_of_type(
        &self,
        kind: &str,
        scope: &ResourceId,
        window: &Window,
        wanted: impl FnMut(&Resource) -> bool,
    ) -> Page<Resource> {
        let kind = kind.to_ascii_lowercase();
        let prefix = below(scope);
        let inner = self.inner.read();
        let start = window.start(prefix.clone()).map(|key| (kind.clone(), key));
        let keys = inner.by_type.range((start, Bound::Unbounded));
        let keys = keys.take_while(|(other, key)| *other == kind && key.starts_with(&prefix));
        window.cut(keys.filter_map(|(_, key)| inner.resources.get_key_value(key)), wanted)
    }

    /// A page of everything below a scope.
    pub fn page_below(&self, scope: &ResourceId, window: &Window, wanted: impl FnMut(&Resource) -> bool) -> Page<Resource> {
        window.cut(within(&self.inner.read().resources, scope, window), wanted)
    }

    /// A page of the groups of a subscription.
    pub fn page_of_groups(&self, subscription: &ResourceId, window: &Window, wanted: impl FnMut(&Group) -> bool) -> Page<Group> {
        window.cut(within(&self.inner.read().groups, subscription, window), wanted)
    }
}

/// What the keys of everything below a scope begin with.
fn below(scope: &ResourceId) -> String {
    format!("{}/", scope.key().trim_end_matches('/'))
}

fn within<'a, T>(
    entries: &'a BTreeMap<String, Arc<T>>,
    scope: &ResourceId,
    window: &Window,
) -> impl Iterator<Item = (&'a String, &'a Arc<T>)> {
    let prefix = below(scope);
    let from = (window.start(prefix.clone()), Bound::Unbounded);
    entries.range(from).take_while(move |(key, _)| key.starts_with(&prefix))
}

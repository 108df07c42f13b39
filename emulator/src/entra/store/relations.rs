//! Who belongs to which group, and who owns what.

use std::collections::BTreeSet;

use parking_lot::RwLock;
use uuid::Uuid;

/// A relation between objects, to be read from either end.
#[derive(Debug, Default)]
pub struct Relation {
    inner: RwLock<Ends>,
}

#[derive(Debug, Default)]
struct Ends {
    forward: BTreeSet<(Uuid, Uuid)>,
    backward: BTreeSet<(Uuid, Uuid)>,
}

fn ends(pairs: &BTreeSet<(Uuid, Uuid)>, from: Uuid) -> Vec<Uuid> {
    pairs.range((from, Uuid::nil())..=(from, Uuid::max())).map(|(_, to)| *to).collect()
}

impl Relation {
    /// Relates two objects; false if they were.
    pub fn add(&self, from: Uuid, to: Uuid) -> bool {
        let mut inner = self.inner.write();
        inner.backward.insert((to, from));
        inner.forward.insert((from, to))
    }

    /// Ends a relation; false if there was none.
    pub fn remove(&self, from: Uuid, to: Uuid) -> bool {
        let mut inner = self.inner.write();
        inner.backward.remove(&(to, from));
        inner.forward.remove(&(from, to))
    }

    /// Everything that `from` is related to.
    pub fn of(&self, from: Uuid) -> Vec<Uuid> {
        ends(&self.inner.read().forward, from)
    }

    /// Everything that is related to `to`.
    pub fn to(&self, to: Uuid) -> Vec<Uuid> {
        ends(&self.inner.read().backward, to)
    }

    /// Everything that can be reached from `from` by one or more steps, the nearest first.
    pub fn reachable(&self, from: Uuid) -> Vec<Uuid> {
        let inner = self.inner.read();
        closure(&inner.forward, from)
    }

    /// Everything from which `to` can be reached, the nearest first.
    pub fn reaching(&self, to: Uuid) -> Vec<Uuid> {
        let inner = self.inner.read();
        closure(&inner.backward, to)
    }

    /// Ends every relation of an object and returns them.
    pub fn forget(&self, object: Uuid) -> Vec<(Uuid, Uuid)> {
        let pairs: Vec<(Uuid, Uuid)> = {
            let inner = self.inner.read();
            let out = ends(&inner.forward, object).into_iter().map(|to| (object, to));
            let into = ends(&inner.backward, object).into_iter().map(|from| (from, object));
            out.chain(into).collect()
        };
        for (from, to) in &pairs {
            self.remove(*from, *to);
        }
        pairs
    }
}

fn closure(pairs: &BTreeSet<(Uuid, Uuid)>, start: Uuid) -> Vec<Uuid> {
    let mut found: Vec<Uuid> = Vec::new();
    let mut open = vec![start];
    while let Some(next) = open.pop() {
        for end in ends(pairs, next) {
            if !found.contains(&end) {
                found.push(end);
                open.push(end);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relation_is_read_from_both_ends() {
        let id = Uuid::from_u128;
        let relation = Relation::default();
        assert!(relation.add(id(1), id(20)) && relation.add(id(20), id(30)) && !relation.add(id(1), id(20)));
        assert_eq!((relation.of(id(1)), relation.to(id(30))), (vec![id(20)], vec![id(20)]));
        assert_eq!((relation.reachable(id(1)), relation.reaching(id(30))), (vec![id(20), id(30)], vec![id(20), id(1)]));
        assert_eq!(relation.forget(id(20)), [(id(20), id(30)), (id(1), id(20))]);
        assert!(relation.reachable(id(1)).is_empty());
    }
}

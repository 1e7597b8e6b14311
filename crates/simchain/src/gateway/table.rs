//! A map whose clone is cheap.

use std::hash::Hash;

use rpds::HashTrieMapSync;

/// A persistent map: a clone shares everything with its source until one of them changes. That is what makes a state per block, and one per
/// order of a batch, affordable.
#[derive(Clone, Debug)]
pub(super) struct Table<K: Eq + Hash, V>(HashTrieMapSync<K, V>);

impl<K: Eq + Hash, V> Default for Table<K, V> {
    fn default() -> Self {
        Self(HashTrieMapSync::new_sync())
    }
}

impl<K: Eq + Hash, V: Clone> Table<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<V> {
        self.0.get(key).cloned()
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.values()
    }

    pub(super) fn set(&mut self, key: K, value: V) {
        self.0.insert_mut(key, value);
    }

    pub(super) fn remove(&mut self, key: &K) {
        self.0.remove_mut(key);
    }
}

impl<K: Eq + Hash, V: Clone + Default> Table<K, V> {
    pub(super) fn read(&self, key: &K) -> V {
        self.get(key).unwrap_or_default()
    }
}

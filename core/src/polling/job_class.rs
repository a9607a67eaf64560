//! Cache of job classes and their histories, with the least recently used class evicted first.

use std::{collections::HashMap, sync::Arc};

use crate::polling::history::History;

/// Largest number of cached classes.
const MAX_CLASSES: usize = 256;

/// Handle of a class. It goes stale when the class is evicted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct JobClass {
    slot: usize,
    generation: u64,
}

#[derive(Debug)]
struct CachedClass {
    name: Arc<str>,
    generation: u64,
    /// Number of the use that was its last.
    last_used: u64,
    history: History,
}

/// LRU cache of classes.
#[derive(Debug, Default)]
pub(super) struct ClassCache {
    slots: HashMap<Arc<str>, usize>,
    cached: Vec<CachedClass>,
    uses: u64,
}

impl ClassCache {
    /// Returns the class of this name, with an empty history if it is new.
    pub(super) fn get_or_insert(&mut self, name: &str) -> JobClass {
        self.uses += 1;
        let slot = match self.slots.get(name) {
            Some(&slot) => slot,
            None => self.insert(name),
        };
        let class = &mut self.cached[slot];
        class.last_used = self.uses;
        JobClass { slot, generation: class.generation }
    }

    /// Adds a class. In a full cache it replaces the least recently used one.
    fn insert(&mut self, name: &str) -> usize {
        let name: Arc<str> = name.into();
        let (generation, history) = (self.uses, History::default());
        let class = CachedClass { name: Arc::clone(&name), generation, last_used: generation, history };
        let slot = if self.cached.len() < MAX_CLASSES {
            self.cached.push(class);
            self.cached.len() - 1
        } else {
            let slot = (0..MAX_CLASSES).min_by_key(|slot| self.cached[*slot].last_used).unwrap_or_default();
            let evicted = std::mem::replace(&mut self.cached[slot], class);
            self.slots.remove(&evicted.name);
            slot
        };
        self.slots.insert(name, slot);
        slot
    }

    /// Returns the history of a class; `None` without a class, and for an evicted one.
    pub(super) fn history(&self, class: Option<JobClass>) -> Option<&History> {
        let class = class?;
        let cached = self.cached.get(class.slot)?;
        (cached.generation == class.generation).then_some(&cached.history)
    }

    /// Sets the history of a class.
    pub(super) fn seed(&mut self, name: &str, history: History) {
        let class = self.get_or_insert(name);
        self.cached[class.slot].history = history;
    }

    /// Records the duration of a job of this class, in seconds.
    pub(super) fn record(&mut self, class: Option<JobClass>, duration: f64) {
        if let Some(class) = class
            && let Some(cached) = self.cached.get_mut(class.slot)
            && cached.generation == class.generation
        {
            cached.history.record(duration);
        }
    }
}

//! The shapes of jobs, and how long the jobs of each took: the ones that are asked for are the ones that are cached.

use std::{collections::HashMap, sync::Arc};

use crate::polling::history::History;

/// Up to this many shapes are cached.
const MAX_CLASSES: usize = 256;

/// A class that was cached when this was given out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct JobClass {
    slot: usize,
    generation: u64,
}

#[derive(Debug)]
struct CachedClass {
    name: Arc<str>,
    generation: u64,
    /// When it was asked for last: the one that nobody asked for the longest makes room.
    last_used: u64,
    history: History,
}

#[derive(Debug, Default)]
pub(super) struct ClassCache {
    slots: HashMap<Arc<str>, usize>,
    cached: Vec<CachedClass>,
    uses: u64,
}

impl ClassCache {
    /// The class of this name, without any length if it is new.
    pub(super) fn get_or_insert(&mut self, name: &str) -> JobClass {
        self.uses += 1;
        let slot = match self.slots.get(name) {
            Some(&slot) => slot,
            None => self.make(name),
        };
        let class = &mut self.cached[slot];
        class.last_used = self.uses;
        JobClass { slot, generation: class.generation }
    }

    fn make(&mut self, name: &str) -> usize {
        let name: Arc<str> = name.into();
        let (generation, history) = (self.uses, History::default());
        let class = CachedClass { name: Arc::clone(&name), generation, last_used: generation, history };
        let slot = if self.cached.len() < MAX_CLASSES {
            self.cached.push(class);
            self.cached.len() - 1
        } else {
            let slot = (0..MAX_CLASSES).min_by_key(|slot| self.cached[*slot].last_used).unwrap_or_default();
            let before = std::mem::replace(&mut self.cached[slot], class);
            self.slots.remove(&before.name);
            slot
        };
        self.slots.insert(name, slot);
        slot
    }

    /// How long earlier jobs took; `None` without a class, or once it made room for another.
    pub(super) fn history(&self, class: Option<JobClass>) -> Option<&History> {
        let class = class?;
        let cached = self.cached.get(class.slot)?;
        (cached.generation == class.generation).then_some(&cached.history)
    }

    /// Sets how long earlier jobs took.
    pub(super) fn seed(&mut self, name: &str, history: History) {
        let class = self.get_or_insert(name);
        self.cached[class.slot].history = history;
    }

    /// A job of this class took so many seconds.
    pub(super) fn record(&mut self, class: Option<JobClass>, length: f64) {
        if let Some(class) = class
            && let Some(cached) = self.cached.get_mut(class.slot)
            && cached.generation == class.generation
        {
            cached.history.record(length);
        }
    }
}

//! The shapes of jobs, and how long the jobs of each took: the ones that are asked for are the ones that are remembered.

use std::{collections::HashMap, sync::Arc};

use super::History;

/// Up to this many shapes are remembered.
const SHAPES: usize = 256;

/// A shape that was remembered when this was given out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    slot: usize,
    generation: u64,
}

#[derive(Debug)]
struct Remembered {
    name: Arc<str>,
    generation: u64,
    /// When it was asked for last: the one that nobody asked for the longest makes room.
    used: u64,
    history: History,
}

#[derive(Debug, Default)]
pub(super) struct Shapes {
    slots: HashMap<Arc<str>, usize>,
    remembered: Vec<Remembered>,
    uses: u64,
}

impl Shapes {
    /// The shape of this name, without any length if it is new.
    pub(super) fn find_or_make(&mut self, name: &str) -> Shape {
        self.uses += 1;
        let slot = match self.slots.get(name) {
            Some(&slot) => slot,
            None => self.make(name),
        };
        let shape = &mut self.remembered[slot];
        shape.used = self.uses;
        Shape { slot, generation: shape.generation }
    }

    fn make(&mut self, name: &str) -> usize {
        let name: Arc<str> = name.into();
        let (generation, history) = (self.uses, History::default());
        let shape = Remembered { name: Arc::clone(&name), generation, used: generation, history };
        let slot = if self.remembered.len() < SHAPES {
            self.remembered.push(shape);
            self.remembered.len() - 1
        } else {
            let slot = (0..SHAPES).min_by_key(|slot| self.remembered[*slot].used).unwrap_or_default();
            let before = std::mem::replace(&mut self.remembered[slot], shape);
            self.slots.remove(&before.name);
            slot
        };
        self.slots.insert(name, slot);
        slot
    }

    /// How long earlier jobs took; `None` without a shape, or once it made room for another.
    pub(super) fn history(&self, shape: Option<Shape>) -> Option<&History> {
        let shape = shape?;
        let remembered = self.remembered.get(shape.slot)?;
        (remembered.generation == shape.generation).then_some(&remembered.history)
    }

    /// Sets how long earlier jobs took.
    pub(super) fn recall(&mut self, name: &str, history: History) {
        let shape = self.find_or_make(name);
        self.remembered[shape.slot].history = history;
    }

    /// A job of this shape took so many seconds.
    pub(super) fn learn(&mut self, shape: Option<Shape>, length: f64) {
        if let Some(shape) = shape
            && let Some(remembered) = self.remembered.get_mut(shape.slot)
            && remembered.generation == shape.generation
        {
            remembered.history.learn(length);
        }
    }
}

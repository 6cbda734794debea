//! Pages with their texts written on them: what a table is said to hold must be what is there.

use super::*;
use proptest::prelude::*;
use std::convert::Infallible;

const SIZE: usize = 4;

/// A memory, what its pages hold, and the sequences that use it.
struct World {
    memory: Memory,
    pages: Vec<[u32; SIZE]>,
    open: Vec<(Table, Vec<u32>, usize)>,
}

impl World {
    fn new(pages: usize, reuse: bool) -> World {
        World { memory: Memory::new(pages, SIZE, None, reuse), pages: vec![[u32::MAX; SIZE]; pages], open: Vec::new() }
    }

    fn open(&mut self, tokens: Vec<u32>, most: usize) -> usize {
        let pages = &mut self.pages;
        let copy = |from: u32, to: u32| -> Result<(), Infallible> {
            pages[to as usize] = pages[from as usize];
            Ok(())
        };
        let (table, cached) = self.memory.open(Domain::default(), &tokens, most, copy);
        assert!(cached <= most && cached <= tokens.len());
        self.open.push((table, tokens, cached));
        cached
    }

    /// Computes up to `count` more tokens of a sequence.
    fn extend(&mut self, index: usize, count: usize) -> bool {
        let (table, tokens, cached) = &mut self.open[index];
        let end = (*cached + count).min(tokens.len());
        if !self.memory.grow(table, end) {
            return false;
        }
        for (at, &token) in tokens.iter().enumerate().take(end).skip(*cached) {
            self.pages[table.pages()[at / SIZE] as usize][at % SIZE] = token;
        }
        *cached = end;
        self.memory.settle(table, tokens, *cached);
        true
    }

    /// Goes on after what others have computed.
    fn follow(&mut self, index: usize, most: usize) {
        let (table, tokens, cached) = &mut self.open[index];
        let held = self.memory.follow(table, tokens, most);
        assert!(held <= most.max(*cached));
        *cached = held.max(*cached);
    }

    fn close(&mut self, index: usize) {
        let (table, tokens, cached) = self.open.remove(index);
        self.memory.close(table, &tokens, cached);
    }

    fn check(&self) {
        self.memory.check(self.open.iter().map(|(table, ..)| table));
        for (table, tokens, cached) in &self.open {
            let held = |at: usize| self.pages[table.pages()[at / SIZE] as usize][at % SIZE];
            assert!((0..*cached).all(|at| held(at) == tokens[at]), "a page holds what it should not");
        }
    }
}

proptest! {
    #[test]
    fn tables_hold_what_they_are_said_to_hold(
        pages in 1_usize..14,
        reuse in any::<bool>(),
        moves in prop::collection::vec((0_u8..5, 0_usize..9, prop::collection::vec(0_u32..2, 1..30)), 1..60),
    ) {
        let mut world = World::new(pages, reuse);
        for (kind, number, tokens) in moves {
            let index = number % world.open.len().max(1);
            match kind {
                0 => {
                    let most = tokens.len().saturating_sub(number % 3);
                    world.open(tokens, most);
                }
                _ if world.open.is_empty() => {}
                1 => world.close(index),
                2 => world.follow(index, world.open[index].1.len().saturating_sub(number % 3)),
                _ => {
                    let before = world.memory.available();
                    prop_assert!(world.extend(index, number + 1) || before < 3);
                }
            }
            world.check();
        }
        while !world.open.is_empty() {
            world.close(0);
            world.check();
        }
        prop_assert_eq!(world.memory.available(), pages);
        prop_assert_eq!(world.memory.used(), 0);
    }
}

#[test]
fn a_text_is_found_again_up_to_its_last_token() {
    let mut world = World::new(20, true);
    let text: Vec<u32> = (0..11).collect();
    assert_eq!(world.open(text.clone(), 10), 0);
    world.extend(0, 11);
    // Full pages are there while their first owner still works.
    assert_eq!(world.open(text.clone(), 10), 8);
    world.close(0);
    world.close(0);
    // 2 pages and a copy of 3 positions, of which one less is asked for than MIN_COPIED_POSITIONS needs.
    assert_eq!(world.open(text.clone(), 11), 8);
    let longer = [&text[..], &[50, 51, 52, 53, 54]].concat();
    assert_eq!(world.open(longer.clone(), 15), 8);
    world.extend(1, 99);
    world.close(1);
    let other = [&longer[..12], &[60, 60, 60, 60, 60]].concat();
    assert_eq!(world.open(other, 16), 12);
    let within = [&text[..8], &[8, 9, 10, 50]].concat();
    assert_eq!(world.open(within, 11), 8);
    world.check();
    let mut off = World::new(20, false);
    off.open(text.clone(), 10);
    off.extend(0, 11);
    off.close(0);
    assert_eq!((off.open(text, 10), off.memory.kept()), (0, 0));
}

#[test]
fn what_was_not_used_for_longest_goes_first() {
    let mut world = World::new(3, true);
    for first in [1, 2, 3] {
        world.open(vec![first; SIZE], SIZE - 1);
        world.extend(0, SIZE);
        world.close(0);
    }
    assert_eq!((world.memory.kept(), world.memory.available()), (3, 3));
    // The first is used again, so the second goes.
    assert_eq!(world.open([vec![1; SIZE], vec![9]].concat(), SIZE), SIZE);
    world.extend(0, 1);
    world.close(0);
    let found = |world: &mut World, first: u32| {
        let cached = world.open([vec![first; SIZE], vec![7]].concat(), SIZE);
        world.close(0);
        cached
    };
    assert_eq!((found(&mut world, 1), found(&mut world, 2), found(&mut world, 3)), (SIZE, 0, SIZE));
    world.check();
}

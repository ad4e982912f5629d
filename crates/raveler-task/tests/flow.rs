//! Thousands of seeded flows: chains of stages under random schedules, with crashes and errors, beside a plain recursion.
//!
//! A stage makes none, one or several items of each; the cutter at the end makes whole batches. What is committed at a
//! crash is a batch, how much of the source it finishes, and the index at which each stage goes on.

#[path = "simulation/dice.rs"]
mod dice;

use std::collections::{HashMap, VecDeque};

use dice::Dice;
use raveler_task::{Cutter, Mark, Marks, Seed};

const HISTORIES: u64 = 5_000;

/// An item, and where it comes from as the model sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Item {
    source: u64,
    name: u64,
}

/// What one stage does: its function decides by the name of the item alone.
#[derive(Clone, Copy, Debug)]
struct Function {
    salt: u64,
    most: u64,
}

impl Function {
    fn draw(dice: &mut Dice) -> Self {
        Self { salt: dice.below(1 << 32), most: 1 + dice.below(4) }
    }

    fn parts(self, item: Item) -> Vec<Item> {
        let seed = Seed::root(self.salt).child(item.name);
        // A stage of one is a map, one of two at most a filter in disguise.
        let count = if self.most == 1 { 1 } else { seed.child(0).to_u64() % self.most };
        (1..=count).map(|part| Item { name: seed.child(part).to_u64(), ..item }).collect()
    }
}

/// The index at which each item came into each stage in the model.
type Indices = HashMap<(usize, Item), u64>;

/// Returns all that the chain makes of a source of this length.
fn model(functions: &[Function], length: u64) -> (Vec<Item>, Indices) {
    let mut items: Vec<_> = (0..length).map(|source| Item { source, name: source }).collect();
    let mut indices = Indices::new();
    for (stage, function) in functions.iter().enumerate() {
        for (index, item) in items.iter().enumerate() {
            indices.insert((stage, *item), index as u64);
        }
        items = items.into_iter().flat_map(|item| function.parts(item)).collect();
    }
    (items, indices)
}

/// A stage while it runs: the items that came in, in order.
struct Stage {
    function: Function,
    window: usize,
    marks: Marks,
    next: u64,
    held: VecDeque<Item>,
    /// Parts that wait for room behind it.
    ready: VecDeque<(Item, Mark)>,
}

impl Stage {
    fn new(function: Function, first: u64, window: usize) -> Self {
        Self { function, window, marks: Marks::new(first), next: first, held: VecDeque::new(), ready: VecDeque::new() }
    }

    fn has_room(&self) -> bool {
        self.held.len() < self.window
    }

    fn enter(&mut self, item: Item, mark: Mark) -> u64 {
        self.marks.enter(mark);
        self.held.push_back(item);
        self.next += 1;
        self.next - 1
    }

    /// Returns the next part, of the item that came in first.
    fn leave(&mut self) -> Option<(Item, Mark)> {
        if self.ready.is_empty() {
            let item = self.held.pop_front()?;
            let mark = self.marks.leave();
            assert_eq!(self.marks.last(), mark);
            let parts = self.function.parts(item);
            let last = parts.len();
            self.ready.extend(parts.into_iter().zip(1..).map(|(part, count)| (part, mark.part(count == last))));
        }
        self.ready.pop_front()
    }

    fn is_idle(&self) -> bool {
        self.held.is_empty() && self.ready.is_empty()
    }
}

/// What outlives a crash.
#[derive(Debug, Default)]
struct Committed {
    content: Vec<Item>,
    batches: Vec<usize>,
    finished: u64,
    firsts: Vec<u64>,
}

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Exhausted,
    Crashed,
    Failed,
}

struct History {
    functions: Vec<Function>,
    length: u64,
    size: usize,
    indices: Indices,
    dice: Dice,
}

impl History {
    fn new(seed: u64) -> (Self, Vec<Item>) {
        let mut dice = Dice::new(seed);
        let functions: Vec<_> = (0..dice.below(5)).map(|_| Function::draw(&mut dice)).collect();
        let length = dice.below(40);
        let size = dice.index(7);
        let (expected, indices) = model(&functions, length);
        (Self { functions, length, size, indices, dice }, expected)
    }

    /// Runs from where the last run was committed; a crash or an error may end it early.
    fn run(&mut self, committed: &mut Committed, is_disturbed: bool) -> End {
        let windows: Vec<_> = self.functions.iter().map(|_| 1 + self.dice.index(6)).collect();
        let firsts = committed.firsts.iter().zip(&self.functions).zip(windows);
        let mut stages: Vec<_> =
            firsts.map(|((first, function), window)| Stage::new(*function, *first, window)).collect();
        let mut cutter = Cutter::new(self.size, true);
        let mut source = committed.finished;
        loop {
            let begun = source < self.length || !stages.iter().all(Stage::is_idle);
            if !begun {
                break;
            }
            if is_disturbed && self.dice.percent(2) {
                return End::Crashed;
            }
            let from = self.dice.index(stages.len() + 1);
            if stages.get(from).is_some_and(|stage| !stage.has_room()) {
                continue;
            }
            let part = match from.checked_sub(1) {
                Some(before) => stages[before].leave(),
                None if source < self.length => {
                    source += 1;
                    Some((Item { source: source - 1, name: source - 1 }, Mark::whole(source - 1)))
                }
                None => None,
            };
            let Some((item, mark)) = part else { continue };
            assert_eq!(mark.position, item.source);
            if let Some(stage) = stages.get_mut(from) {
                assert_eq!(stage.enter(item, mark), self.indices[&(from, item)], "stage {from} numbers {item:?} anew");
                continue;
            }
            if is_disturbed && self.dice.percent(2) {
                if let Some(batch) = cutter.fail() {
                    commit(committed, &mut stages, &batch.items, batch.mark);
                }
                return End::Failed;
            }
            if let Some(batch) = cutter.push(item, mark) {
                self.check_cut(&batch.items);
                commit(committed, &mut stages, &batch.items, batch.mark);
            }
        }
        if let Some(batch) = cutter.finish() {
            commit(committed, &mut stages, &batch.items, batch.mark);
        }
        assert!(cutter.is_empty());
        End::Exhausted
    }

    /// Asserts that a batch is full, and was not before its last source item.
    fn check_cut(&self, items: &[Item]) {
        let last = items.last().expect("a batch holds items").source;
        assert!(items.len() >= self.size.max(1), "{items:?} is less than {}", self.size);
        let before = items.iter().filter(|item| item.source != last).count();
        assert!(before < self.size.max(1), "{items:?} was full {} items ago", items.len() - before);
    }
}

/// Does what one transaction of a sink does.
fn commit(committed: &mut Committed, stages: &mut [Stage], items: &[Item], mark: Mark) {
    let finished = mark.finished();
    assert!(finished >= committed.finished, "the record goes back");
    assert!(items.iter().all(|item| (committed.finished..finished).contains(&item.source)), "{items:?} of {finished}");
    committed.content.extend(items);
    committed.batches.push(items.len());
    committed.finished = finished;
    committed.firsts = stages.iter_mut().map(|stage| stage.marks.index_at(finished)).collect();
}

fn replay(seed: u64) -> (Vec<Item>, Vec<usize>) {
    let (mut history, expected) = History::new(seed);
    let mut committed = Committed { firsts: vec![0; history.functions.len()], ..Committed::default() };
    for _ in 0..20 {
        if history.run(&mut committed, true) == End::Exhausted {
            break;
        }
        assert_eq!(committed.content, expected[..committed.content.len()], "what is committed is no beginning");
        let next = expected.get(committed.content.len()).map_or(history.length, |item| item.source);
        assert!(committed.finished <= next, "an item was left out");
    }
    history.run(&mut committed, false);
    assert_eq!(committed.content, expected, "the content differs from that of an undisturbed run");
    (committed.content, committed.batches)
}

#[test]
fn flows_that_crash_and_fail_end_as_undisturbed_ones_do() {
    for seed in 0..HISTORIES {
        let outcome = std::panic::catch_unwind(|| replay(seed));
        assert!(outcome.is_ok(), "history {seed} went wrong");
    }
}

#[test]
fn a_history_is_the_same_each_time() {
    for seed in 0..100 {
        assert_eq!(replay(seed), replay(seed), "history {seed}");
    }
}

#[test]
fn batches_that_need_not_be_whole_are_full_but_for_the_last() {
    for seed in 0..HISTORIES {
        let mut dice = Dice::new(seed);
        let (size, length) = (dice.index(6), dice.below(50));
        let mut cutter = Cutter::new(size, false);
        let mut cut = Vec::new();
        let mut position = 0;
        for item in 0..length {
            position += dice.below(3);
            cut.extend(cutter.push(item, Mark { position, closes: dice.percent(50) }));
            assert!(cutter.len() < size.max(1), "a full batch waits");
        }
        cut.extend(if dice.percent(50) { cutter.finish() } else { cutter.fail() });
        let sizes: Vec<_> = cut.iter().map(|batch| batch.items.len()).collect();
        let items: Vec<_> = cut.into_iter().flat_map(|batch| batch.items).collect();
        assert_eq!(items, (0..length).collect::<Vec<_>>());
        if let Some((last, full)) = sizes.split_last() {
            assert!(full.iter().all(|len| *len == size.max(1)) && *last <= size.max(1));
        }
    }
}

#[test]
fn a_whole_batch_does_not_wait_for_the_next_item() {
    let mut cutter = Cutter::new(2, true);
    assert_eq!(cutter.push('a', Mark::whole(0)), None);
    let batch = cutter.push('b', Mark::whole(1)).expect("two items make a batch");
    assert_eq!((batch.items, batch.mark.finished()), (vec!['a', 'b'], 2));
}

#[test]
fn an_item_with_many_parts_makes_a_batch_longer() {
    let mut cutter = Cutter::new(2, true);
    for part in 0..4 {
        assert_eq!(cutter.push(part, Mark::whole(7).part(false)), None);
    }
    let batch = cutter.push(4, Mark::whole(7)).expect("its source item ends");
    assert_eq!((batch.items.len(), batch.mark), (5, Mark::whole(7)));
}

#[test]
fn an_error_lets_whole_source_items_go_on_alone() {
    let mut cutter = Cutter::new(10, true);
    for (item, mark) in [('a', Mark::whole(3)), ('b', Mark::whole(4)), ('c', Mark::whole(6).part(false))] {
        assert_eq!(cutter.push(item, mark), None);
    }
    let batch = cutter.fail().expect("two items are whole");
    assert_eq!((batch.items, batch.mark.finished()), (vec!['a', 'b'], 6));
    assert_eq!(cutter.fail(), None);
}

#[test]
fn a_source_item_whose_last_part_was_dropped_is_finished_by_the_next() {
    let mut cutter = Cutter::new(1, true);
    assert_eq!(cutter.push('a', Mark::whole(0).part(false)), None);
    let batch = cutter.push('b', Mark::whole(2).part(false)).expect("the first source item has ended");
    assert_eq!((batch.items, batch.mark.finished()), (vec!['a'], 1));
    let rest = cutter.finish().expect("the second one ends with the stream");
    assert_eq!((rest.items, rest.mark.finished()), (vec!['b'], 3));
}

#[test]
fn a_stage_knows_the_index_of_the_first_item_of_what_is_not_finished() {
    let mut marks = Marks::new(5);
    for mark in [Mark::whole(0), Mark::whole(2).part(false), Mark::whole(2), Mark::whole(3)] {
        marks.enter(mark);
    }
    assert_eq!([0, 1, 2, 3, 4].map(|position| marks.index_at(position)), [5, 6, 6, 8, 9]);
    assert_eq!([marks.leave(), marks.leave()], [Mark::whole(0), Mark::whole(2).part(false)]);
    assert_eq!(marks.last(), Mark { position: 2, closes: false });
}

//! The table of records, by index, with generations that tell a new task from an old one at the same index.

use crate::id::TaskId;
use crate::record::Record;

#[derive(Debug)]
struct Entry {
    generation: u32,
    record: Option<Record>,
}

#[derive(Debug, Default)]
pub(crate) struct Slab {
    entries: Vec<Entry>,
    free: Vec<u32>,
}

impl Slab {
    pub(crate) fn insert(&mut self, record: Record) -> TaskId {
        if let Some(index) = self.free.pop() {
            let entry = &mut self.entries[index as usize];
            entry.record = Some(record);
            return TaskId::new(index, entry.generation);
        }
        let index = u32::try_from(self.entries.len()).expect("fewer than 2^32 tasks are alive at once");
        self.entries.push(Entry { generation: 1, record: Some(record) });
        TaskId::new(index, 1)
    }

    pub(crate) fn get(&self, task: TaskId) -> Option<&Record> {
        let entry = self.entries.get(task.index())?;
        if entry.generation == task.generation() { entry.record.as_ref() } else { None }
    }

    pub(crate) fn get_mut(&mut self, task: TaskId) -> Option<&mut Record> {
        let entry = self.entries.get_mut(task.index())?;
        if entry.generation == task.generation() { entry.record.as_mut() } else { None }
    }

    /// Returns a record that the scheduler's own queues say is there.
    pub(crate) fn expect_mut(&mut self, task: TaskId) -> &mut Record {
        self.get_mut(task).expect("a task in a queue of the scheduler has a record")
    }

    pub(crate) fn remove(&mut self, task: TaskId) {
        let Some(entry) = self.entries.get_mut(task.index()).filter(|entry| entry.generation == task.generation())
        else {
            return;
        };
        entry.record = None;
        // An index whose generations are used up stays empty for ever, so that no identity comes twice.
        if let Some(generation) = entry.generation.checked_add(1) {
            entry.generation = generation;
            self.free.push(u32::try_from(task.index()).expect("an index came from 32 bits"));
        }
    }
}

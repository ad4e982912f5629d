//! The tree of a parallel reduction, whose shape depends on the number of items alone.
//!
//! It is a binary counter: two neighbours that cover the same power of two of items are combined as soon as both are there,
//! and at the end what is left is folded from the right. So 13 items make `8 + (4 + 1)`, however many workers there are, and
//! a floating-point sum has the same bits everywhere.

/// A value in the tree: the items that it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// The first item.
    pub first: u64,
    /// How many items.
    pub len: u64,
}

/// One application of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Combine {
    /// The left operand.
    pub left: Node,
    /// The right operand, whose items follow those of the left.
    pub right: Node,
    /// What it makes.
    pub out: Node,
}

/// Says which values to combine, as items arrive in input order.
///
/// # Examples
///
/// ```
/// use raveler_task::ReductionTree;
///
/// let mut tree = ReductionTree::new();
/// assert!(tree.push(1).is_empty());
/// assert_eq!(tree.push(1).len(), 1, "items 0 and 1 are combined");
/// assert!(tree.push(1).is_empty());
/// let (root, combines) = tree.finish().expect("there were items");
/// assert_eq!((root.len, combines.len()), (3, 1));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ReductionTree {
    /// What is not combined yet: each covers a smaller power of two than the one before.
    open: Vec<Node>,
    items: u64,
}

impl ReductionTree {
    /// Returns the tree of no items.
    #[must_use]
    pub const fn new() -> Self {
        Self { open: Vec::new(), items: 0 }
    }

    /// Returns how many items were pushed: the first item of the next chunk.
    #[must_use]
    pub const fn items(&self) -> u64 {
        self.items
    }

    /// Returns the length of the next chunk that a worker may fold by itself: the largest power of two that is at most
    /// `limit`, and at whose multiple the next item stands.
    ///
    /// A chunk that ends the input may be shorter, and must be folded by a tree of its own.
    #[must_use]
    pub const fn chunk_len(&self, limit: u64) -> u64 {
        let largest = if limit == 0 { 1 } else { 1 << limit.ilog2() };
        if self.items == 0 {
            return largest;
        }
        let aligned = 1 << self.items.trailing_zeros();
        if aligned < largest { aligned } else { largest }
    }

    /// Takes the value of the next `len` items, and returns what can be combined now, in this order.
    ///
    /// A `len` that [`ReductionTree::chunk_len`] would not allow ends the input.
    ///
    /// # Panics
    ///
    /// If `len` is 0, or if the input has ended.
    pub fn push(&mut self, len: u64) -> Vec<Combine> {
        assert!(len > 0, "a chunk has at least one item");
        assert!(!self.has_ended(), "a chunk that is no aligned power of two ends the input; push nothing after it");
        let node = Node { first: self.items, len };
        self.items += len;
        self.open.push(node);
        let mut combines = Vec::new();
        if !self.has_ended() {
            while let [.., left, right] = *self.open
                && left.len == right.len
            {
                combines.push(self.combine(left, right));
            }
        }
        combines
    }

    /// Ends the input: returns the node of the whole and the last combines, from right to left; nothing if there was no item.
    #[must_use]
    pub fn finish(mut self) -> Option<(Node, Vec<Combine>)> {
        let mut combines = Vec::new();
        while let [.., left, right] = *self.open {
            combines.push(self.combine(left, right));
        }
        self.open.pop().map(|root| (root, combines))
    }

    fn combine(&mut self, left: Node, right: Node) -> Combine {
        let out = Node { first: left.first, len: left.len + right.len };
        self.open.truncate(self.open.len() - 2);
        self.open.push(out);
        Combine { left, right, out }
    }

    fn has_ended(&self) -> bool {
        self.open.last().is_some_and(|last| !last.len.is_power_of_two() || last.first % last.len != 0)
    }
}

//! The reduction tree.

use std::collections::HashMap;

use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use raveler_task::{Combine, Node, ReductionTree};

/// A value that shows the shape of the tree it came from.
type Shapes = HashMap<Node, String>;

fn apply(shapes: &mut Shapes, combines: Vec<Combine>) {
    for Combine { left, right, out } in combines {
        let left = shapes.remove(&left).expect("the left operand is there");
        let right = shapes.remove(&right).expect("the right operand is there");
        shapes.insert(out, format!("({left} {right})"));
    }
}

fn shape(first: u64, items: u64) -> String {
    let mut tree = ReductionTree::new();
    let mut shapes = Shapes::new();
    for item in 0..items {
        shapes.insert(Node { first: item, len: 1 }, (first + item).to_string());
        apply(&mut shapes, tree.push(1));
    }
    let (root, combines) = tree.finish().expect("there are items");
    apply(&mut shapes, combines);
    assert_eq!(shapes.len(), 1);
    shapes.remove(&root).expect("the root is there")
}

#[test]
fn no_items_make_no_tree() {
    assert!(ReductionTree::new().finish().is_none());
}

#[test]
fn what_is_left_is_folded_from_the_right() {
    assert_eq!(shape(0, 1), "0");
    assert_eq!(shape(0, 3), "((0 1) 2)");
    assert_eq!(shape(0, 7), "(((0 1) (2 3)) ((4 5) 6))");
}

proptest! {
    #[test]
    fn the_shape_depends_on_the_number_of_items_alone(
        items in 1..600_u64, limits in proptest::collection::vec(0..70_u64, 1..8),
    ) {
        let mut tree = ReductionTree::new();
        let mut shapes = Shapes::new();
        for limit in limits.iter().cycle() {
            let first = tree.items();
            let len = tree.chunk_len(*limit).min(items - first);
            prop_assert!(len <= (*limit).max(1));
            shapes.insert(Node { first, len }, shape(first, len));
            apply(&mut shapes, tree.push(len));
            if tree.items() == items {
                break;
            }
        }
        let (root, combines) = tree.finish().expect("there are items");
        apply(&mut shapes, combines);
        prop_assert_eq!(root, Node { first: 0, len: items });
        prop_assert_eq!(shapes.remove(&root), Some(shape(0, items)));
    }
}

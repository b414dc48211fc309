//! A limit on what a small file can make the importer allocate.

use crate::error::{ImportError, Result};

/// A limit on values, and what is left of it.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    left: usize,
}

impl Budget {
    pub fn new(limit: usize) -> Self {
        Budget { limit, left: limit }
    }

    /// Takes `count` values off; `None` stands for more than a machine word counts.
    pub fn take(&mut self, count: Option<usize>) -> Result<()> {
        match count.and_then(|count| self.left.checked_sub(count)) {
            Some(left) => self.left = left,
            None => {
                let all = count.and_then(|count| count.checked_add(self.limit - self.left));
                return Err(ImportError::TooLarge {
                    got: all.map_or("too many to count".into(), |all| all.to_string()),
                    limit: self.limit,
                });
            }
        }
        Ok(())
    }
}

/// The product of sides; `None` if it does not fit a machine word.
pub(crate) fn product(sides: &[usize]) -> Option<usize> {
    // A zero makes the product zero, whatever the others are.
    if sides.contains(&0) {
        return Some(0);
    }
    sides
        .iter()
        .try_fold(1usize, |n, &side| n.checked_mul(side))
}

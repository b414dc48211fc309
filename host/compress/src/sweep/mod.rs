//! The smallest network above an accuracy floor (Dhingra, 1705.03338): families of networks, every one trained, packed and costed.
//!
//! [`family()`] writes out the members of a family, a [`Plan`] runs one of them as a [`Trial`], and [`front()`] tells which are worth having.
//! As in a [budget](crate::budget), all choices are made on training images that were held out.

mod family;
mod front;
mod trial;

pub use family::{DHINGRA, MOST_MEMBERS, family};
pub use front::{front, front_of, holds, smallest};
pub use trial::{Member, Outcome, Plan, Trial};

#[cfg(test)]
mod tests;

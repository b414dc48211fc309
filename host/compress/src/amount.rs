//! How many weights stay: a number, or a share of all.

use std::fmt;

use crate::options::Value;

/// How many weights stay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// This many: `3000`.
    Weights(usize),
    /// This share of all, in percent, above 0 to 100: `10%`.
    Percent(f64),
}

impl Amount {
    /// The number of weights, where there are `all`; at least 1 of a share.
    pub fn of(self, all: usize) -> usize {
        match self {
            Amount::Weights(count) => count,
            Amount::Percent(share) => ((all as f64 * share / 100.0).round() as usize).max(1),
        }
    }
}

impl From<usize> for Amount {
    fn from(count: usize) -> Self {
        Amount::Weights(count)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Amount::Weights(count) => write!(f, "{count}"),
            Amount::Percent(share) => write!(f, "{share}%"),
        }
    }
}

impl Value for Amount {
    const EXPECTED: &'static str =
        "a whole number, as 3000, or a share in percent, above 0 to 100, as 10%";
    fn parse(text: &str) -> Option<Self> {
        let Some(share) = text.strip_suffix('%') else {
            return text.parse().ok().map(Amount::Weights);
        };
        let share = share.parse().ok()?;
        (share > 0.0 && share <= 100.0).then_some(Amount::Percent(share))
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_as_it_is_written() {
        for (text, of_2000) in [("3000", 3000), ("10%", 200), ("0.01%", 1), ("100%", 2000)] {
            let amount = Amount::parse(text).unwrap();
            assert_eq!((amount.show(), amount.of(2000)), (text.into(), of_2000));
        }
        for text in ["", "%", "0%", "101%", "-1", "NaN%", "1.5", "10 %"] {
            assert_eq!(Amount::parse(text), None, "{text}");
        }
    }
}

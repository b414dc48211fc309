//! A budget as text: `bytes<=3k,cycles<=2000,accuracy>=99.2`.

use std::str::FromStr;

use super::Budget;
use crate::error::{Error, Result};

/// What a budget looks like.
const FORM: &str = "bounds with commas between, as bytes<=3k,cycles<=2000,accuracy>=99.2";

impl FromStr for Budget {
    type Err = Error;

    /// Reads bounds with commas between: `bytes<=`, `cycles<=` with a number, of thousands (`k`) or millions (`M`), and
    /// `accuracy>=` with a percentage.
    fn from_str(text: &str) -> Result<Self> {
        let mut budget = Budget::default();
        for part in text.split(',') {
            let wrong = |expected: String| Error::Budget {
                part: part.trim().into(),
                expected,
            };
            let again = |name: &str| wrong(format!("each bound once, and {name} is there twice"));
            let (name, relation, value) =
                split(part).ok_or_else(|| wrong(format!("expected {FORM}")))?;
            let least = name == "accuracy";
            if !["bytes", "cycles", "accuracy"].contains(&name) {
                let names = "expected bytes, cycles or accuracy";
                return Err(wrong(format!("got {name:?}, {names}")));
            }
            let expected = if least { ">=" } else { "<=" };
            if relation != expected {
                return Err(wrong(format!(
                    "got {relation:?}, expected {name}{expected}NUMBER"
                )));
            }
            if least {
                let percent = value.strip_suffix('%').unwrap_or(value).trim();
                let share = percent
                    .parse::<f64>()
                    .ok()
                    .filter(|p| (0.0..=100.0).contains(p));
                let share = share.ok_or_else(|| {
                    wrong(format!("got {value:?}, expected a percentage, 0 to 100"))
                })?;
                if budget.accuracy.replace(share / 100.0).is_some() {
                    return Err(again(name));
                }
                continue;
            }
            let most = number(value).ok_or_else(|| {
                wrong(format!(
                    "got {value:?}, expected a number above 0, as 3000, 3k or 0.5M"
                ))
            })?;
            let before = match name {
                "bytes" => budget.bytes.replace(most.floor() as u64).is_some(),
                _ => budget.cycles.replace(most).is_some(),
            };
            if before {
                return Err(again(name));
            }
        }
        Ok(budget)
    }
}

/// Name, relation and value.
fn split(part: &str) -> Option<(&str, &str, &str)> {
    let relation = |c: char| "<>=".contains(c);
    let start = part.find(relation)?;
    let end = start + part[start..].find(|c| !relation(c))?;
    Some((part[..start].trim(), &part[start..end], part[end..].trim()))
}

/// A number of at least 1, of thousands or millions where it says so.
fn number(text: &str) -> Option<f64> {
    let (digits, unit) = match text.chars().last()? {
        'k' | 'K' => (&text[..text.len() - 1], 1e3),
        'M' => (&text[..text.len() - 1], 1e6),
        _ => (text, 1.0),
    };
    let value = digits.trim().parse::<f64>().ok()? * unit;
    (1.0..1e15).contains(&value).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn budgets_are_read_as_they_are_written() {
        for (text, again) in [
            ("bytes<=3k", "bytes<=3000"),
            (
                " cycles <= 1.5k , bytes<=0.25M",
                "bytes<=250000,cycles<=1500",
            ),
            ("accuracy>=99.2%", "accuracy>=99.2"),
            (
                "accuracy>=98.4,cycles<=2000,bytes<=2999.5",
                "bytes<=2999,cycles<=2000,accuracy>=98.4",
            ),
        ] {
            let budget: Budget = text.parse().unwrap();
            assert_eq!(budget.to_string(), again);
            assert_eq!(again.parse::<Budget>().unwrap(), budget);
        }
    }

    #[test]
    fn what_is_no_budget_is_refused() {
        for (text, what) in [
            ("", "expected bounds with commas between"),
            ("bytes", "expected bounds with commas between"),
            ("bytes<=", "expected bounds with commas between"),
            ("bytes<=3k,", "budget \"\": expected bounds"),
            (
                "size<=3k",
                "got \"size\", expected bytes, cycles or accuracy",
            ),
            ("bytes<3k", "got \"<\", expected bytes<=NUMBER"),
            ("bytes>=3k", "got \">=\", expected bytes<=NUMBER"),
            ("accuracy<=99", "got \"<=\", expected accuracy>=NUMBER"),
            (
                "accuracy>=101",
                "got \"101\", expected a percentage, 0 to 100",
            ),
            ("accuracy>=NaN", "expected a percentage"),
            ("bytes<=x", "got \"x\", expected a number above 0"),
            ("bytes<=-3", "expected a number above 0"),
            ("bytes<=k", "expected a number above 0"),
            ("cycles<=inf", "expected a number above 0"),
            ("bytes<=1,bytes<=2", "each bound once, and bytes"),
        ] {
            let message = text.parse::<Budget>().unwrap_err().to_string();
            assert!(message.contains(what), "{text}: {message}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-z<>=,.0-9kM%é -]{0,40}") {
            let _ = text.parse::<Budget>();
        }
    }
}

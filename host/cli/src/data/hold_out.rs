//! Training images that are held out, to measure on in the place of test images.

use anyhow::{Context, Result, bail};
use std::fmt;
use std::str::FromStr;
use thresh_compress::Data;

/// How many training images are held out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HoldOut {
    Count(usize),
    Percent(f64),
}

impl FromStr for HoldOut {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let parsed = match text.strip_suffix('%') {
            None => text.parse().ok().map(HoldOut::Count),
            Some(share) => share.parse().ok().map(HoldOut::Percent),
        };
        match parsed {
            Some(HoldOut::Count(1..)) => {}
            Some(HoldOut::Percent(share)) if share > 0.0 && share < 100.0 => {}
            _ => bail!(
                "got {text:?}, expected a number of images, as 500, or a share of them, as 20%"
            ),
        }
        parsed.context("it was just checked")
    }
}

impl fmt::Display for HoldOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HoldOut::Count(count) => write!(f, "{count}"),
            HoldOut::Percent(share) => write!(f, "{share}%"),
        }
    }
}

impl HoldOut {
    /// `data` with the last training images in the place of the test images, if some are to be held out.
    pub fn apply(hold_out: Option<HoldOut>, data: &Data) -> Result<Data> {
        let all = data.train().len();
        match hold_out {
            None => Ok(data.clone()),
            Some(HoldOut::Count(count)) => Ok(data.hold_out(count)?),
            Some(HoldOut::Percent(share)) => {
                let count = (all as f64 * share / 100.0).round() as usize;
                Ok(data.hold_out(count.max(1))?)
            }
        }
    }

    /// Words of a command line that choose it.
    pub fn words(hold_out: Option<HoldOut>) -> Vec<String> {
        hold_out.map_or(vec![], |h| vec!["--hold-out".into(), h.to_string()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_out_is_a_number_or_a_share() {
        for text in ["1", "500", "20%", "0.5%"] {
            assert_eq!(text.parse::<HoldOut>().unwrap().to_string(), text);
        }
        for text in ["", "0", "0%", "100%", "-1", "x", "NaN%"] {
            let message = text.parse::<HoldOut>().unwrap_err().to_string();
            assert!(message.contains("as 20%"), "{message}");
        }
    }
}

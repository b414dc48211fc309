//! What a sweep found, as tables and pictures.

use super::{Found, Smallest};
use crate::output::{percent, ratio};
use crate::page::Grid;
use crate::plot;
use anyhow::Result;
use thresh_compress::sweep::{Member, Trial, front};

/// What a trial costs; none if the engine does not hold it and that matters.
pub type Cost = fn(&Trial) -> Option<f64>;

/// Parameters of a trial.
pub fn parameters(trial: &Trial) -> Option<f64> {
    Some(trial.member.parameters as f64)
}

/// Bytes of its image.
pub fn bytes(trial: &Trial) -> Option<f64> {
    trial.outcome.packed.map(|(bytes, _)| bytes as f64)
}

/// Cycles of an inference.
pub fn cycles(trial: &Trial) -> Option<f64> {
    trial.outcome.packed.map(|(_, cycles)| cycles)
}

/// Times fewer parameters than the base has.
pub fn fewer(found: &Found<'_>, best: &Smallest) -> Option<f64> {
    let own = found.trials[best.index].member.parameters;
    let base = found.base.as_ref()?.parameters;
    Some(ratio(base as f64, own as f64))
}

/// Times less memory than the base takes, both in float32.
pub fn less(found: &Found<'_>, best: &Smallest) -> Option<f64> {
    let own = found.trials[best.index].member.memory;
    let base = found.base.as_ref()?.memory;
    Some(ratio(base as f64, own as f64))
}

/// A trial in a line.
pub fn line(trial: &Trial) -> String {
    let packed = match trial.outcome.packed {
        Some((bytes, cycles)) => format!("{bytes} bytes, {cycles:.0} cycles"),
        None => "does not fit".into(),
    };
    format!(
        "{}: {} parameters, {}, {packed}",
        shown(&trial.member),
        trial.member.parameters,
        percent(trial.outcome.accuracy)
    )
}

fn shown(member: &Member) -> &str {
    match member.hidden.as_str() {
        "" => "(no hidden layer)",
        hidden => hidden,
    }
}

/// The members of a family before they are trained.
pub fn members(members: &[Member], base: Option<&Member>) -> Grid {
    let row = |name: String, member: &Member| {
        vec![
            name,
            shown(member).to_string(),
            member.parameters.to_string(),
            member.multiplications.to_string(),
            member.memory.to_string(),
        ]
    };
    let mut rows: Vec<Vec<String>> = members
        .iter()
        .enumerate()
        .map(|(index, member)| row(index.to_string(), member))
        .collect();
    rows.extend(base.map(|base| row("base".into(), base)));
    Grid {
        title: format!("{} members", members.len()),
        header: vec![
            "trial",
            "hidden layers",
            "parameters",
            "multiplications",
            "memory",
        ],
        rows,
        note:
            "Memory: bytes of the parameters and of the two largest neighbouring maps, as float32."
                .into(),
    }
}

/// What was asked for, and the answer.
pub fn summary(found: &Found<'_>) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        (
            "data",
            format!(
                "{}, {} training images held out",
                found.data, found.held_out
            ),
        ),
        ("engine", found.config.name.to_string()),
        (
            "trials",
            match found.left {
                0 => found.trials.len().to_string(),
                left => format!(
                    "{} of {}; {left} larger ones were left out",
                    found.trials.len(),
                    found.members
                ),
            },
        ),
        ("floor", percent(found.floor)),
    ];
    if found.failed > 0 {
        facts.push((
            "failed",
            format!("{}; their messages are above", found.failed),
        ));
    }
    let Some(best) = &found.smallest else {
        facts.push(("smallest", "none holds the floor".into()));
        return facts;
    };
    let trial = &found.trials[best.index];
    facts.extend([
        ("smallest", line(trial)),
        (
            "test images",
            best.test.map_or("none".into(), |share| {
                format!("{} read, as packed", percent(share))
            }),
        ),
        ("network", best.network.display().to_string()),
        (
            "image",
            format!("{}, {} bytes", best.image.display(), best.bytes),
        ),
    ]);
    if let (Some(fewer), Some(less), Some(base)) =
        (fewer(found, best), less(found, best), &found.base)
    {
        facts.push((
            "beside the base",
            format!(
                "{fewer:.0} times fewer parameters than {}, {less:.1} times less memory",
                base.parameters
            ),
        ));
    }
    facts
}

/// The trials that no other beats.
pub fn grids(found: &Found<'_>) -> Vec<Grid> {
    let kinds: [(&str, Cost); 3] = [
        ("parameters", parameters),
        ("bytes", bytes),
        ("cycles", cycles),
    ];
    let grid = |(name, cost): (&str, Cost)| {
        let kept = front(found.trials, cost);
        let row = |&index: &usize| {
            let trial = &found.trials[index];
            let packed = |value: Option<f64>| value.map_or("-".into(), |v| format!("{v:.0}"));
            vec![
                shown(&trial.member).to_string(),
                trial.member.parameters.to_string(),
                trial.outcome.nonzeros.to_string(),
                trial.member.memory.to_string(),
                packed(bytes(trial)),
                packed(cycles(trial)),
                percent(trial.outcome.float_accuracy),
                percent(trial.outcome.accuracy),
            ]
        };
        Grid {
            title: format!("Front by {name}"),
            header: vec![
                "hidden layers",
                "parameters",
                "weights",
                "memory",
                "bytes",
                "cycles",
                "in float",
                "as packed",
            ],
            rows: kept.iter().map(row).collect(),
            note: format!(
                "Trials that no other beats: fewer {name} at no less accuracy. Weights: those that are not zero. Accuracy is on the held-out images."
            ),
        }
    };
    kinds.into_iter().map(grid).collect()
}

/// Error against each cost, both as powers of ten.
pub fn pictures(found: &Found<'_>) -> Result<Vec<String>> {
    let kinds: [(&str, Cost); 3] = [
        ("parameters, power of ten", parameters),
        ("bytes of the image, power of ten", bytes),
        ("cycles of an inference, power of ten", cycles),
    ];
    kinds
        .into_iter()
        .map(|(name, cost)| {
            let at = |index: &usize| {
                let trial = &found.trials[*index];
                Some((cost(trial)?.log10(), 100.0 * trial.outcome.accuracy))
            };
            let on = front(found.trials, cost);
            let others: Vec<usize> = (0..found.trials.len())
                .filter(|i| !on.contains(i))
                .collect();
            let mut series = vec![
                (
                    "beaten".to_string(),
                    others.iter().filter_map(at).collect::<Vec<_>>(),
                ),
                ("front".to_string(), on.iter().filter_map(at).collect()),
            ];
            if let Some(best) = &found.smallest {
                series.push(("smallest".into(), at(&best.index).into_iter().collect()));
            }
            series.retain(|(_, points)| !points.is_empty());
            plot::scatter("trials", [name, "accuracy, %"], &series)
        })
        .collect()
}

use super::*;
use crate::{Hidden, Silent};
use thresh_model::{Dataset, Shape};

const SHAPE: Shape = Shape {
    channels: 1,
    height: 8,
    width: 8,
};

/// Squares in one of four corners, of any brightness.
fn set(count: usize) -> Dataset {
    let mut images = Vec::new();
    let mut labels = Vec::new();
    for index in 0..count {
        let class = index * 7 % 4;
        let (top, left) = (class / 2 * 4 + index % 2, class % 2 * 4 + index / 2 % 2);
        let mut image = vec![0u8; SHAPE.len()];
        for y in top..top + 3 {
            for x in left..left + 3 {
                image[y * 8 + x] = 100 + (index * 13 % 150) as u8;
            }
        }
        images.extend(image);
        labels.push(class as u8);
    }
    Dataset {
        shape: SHAPE,
        images,
        labels,
    }
}

fn data() -> Data {
    Data::new(set(240), set(80)).unwrap()
}

fn trained(data: &Data) -> Network {
    let conv = |outputs| Hidden::Conv {
        outputs,
        kernel: 3,
        stride: 1,
        pads: 1,
    };
    let options = crate::TrainOptions {
        hidden: vec![
            conv(8),
            conv(12),
            Hidden::MaxPool {
                kernel: 2,
                stride: 2,
            },
            Hidden::Dense(16),
        ],
        epochs: 3,
        batch: 16,
        ..Default::default()
    };
    crate::train(&options, data, &mut context(&mut Silent)).unwrap()
}

fn context(progress: &mut Silent) -> Context<'_> {
    Context {
        folder: None,
        command: "test".into(),
        progress,
    }
}

fn method(set: &[(&str, &str)]) -> LowRank {
    let mut method = LowRank::default();
    for (name, value) in [("tune-epochs", "0"), ("images", "120")].iter().chain(set) {
        method.options.set(name, value).unwrap();
    }
    method
}

fn run(network: &Network, data: &Data, set: &[(&str, &str)]) -> Result<Network> {
    method(set).run(network, data, &mut context(&mut Silent))
}

#[test]
fn with_all_filters_nothing_changes_but_rounding() {
    let data = data();
    let network = trained(&data);
    let mut split = network.clone();
    for layer in candidates(&network) {
        let name = &network.layers[layer].name;
        let outputs = network.layers[layer].operator.output().channels;
        let one = faer::Mat::identity(outputs, outputs);
        let map = solve::LowRankMap {
            spread: one.clone(),
            basis: one,
            bias: vec![0.0; outputs],
        };
        split::split(&mut split, name, &map);
    }
    split.check().unwrap();
    assert_eq!(split.layers.len(), network.layers.len() + 3);
    for image in 0..20 {
        let (old, new) = (
            network.forward(data.test().image(image)),
            split.forward(data.test().image(image)),
        );
        for (a, b) in old.iter().zip(&new) {
            assert!((a - b).abs() <= 1e-4 * (1.0 + a.abs()), "{a} {b}");
        }
    }
}

#[test]
fn the_speedup_is_kept_and_told() {
    let data = data();
    let network = trained(&data);
    for (select, speedup) in [("true", 2.0), ("true", 4.0), ("false", 2.5)] {
        let small = run(
            &network,
            &data,
            &[("speedup", &speedup.to_string()), ("select", select)],
        )
        .unwrap();
        let reached = network.multiplications() / small.multiplications();
        assert!(
            reached >= speedup && reached < 1.7 * speedup,
            "{reached} for {speedup}"
        );
        assert_eq!(
            small.provenance["low-rank.speedup"],
            format!("{reached:.3}")
        );
        assert_eq!(small.outputs(), network.outputs());
    }
}

#[test]
fn the_speedup_is_that_of_the_pes_where_it_is_asked_for() {
    let data = data();
    let network = trained(&data);
    let filters = |small: &Network| -> Vec<usize> {
        let kept = small.provenance["low-rank.filters"].split(' ');
        let number = |kept: &str| {
            kept.split([':', '/'])
                .nth(1)
                .and_then(|text| text.parse().ok())
                .unwrap()
        };
        kept.map(number).collect()
    };
    let mut differ = 0;
    for (select, speedup) in [
        ("true", "1.5"),
        ("true", "2.5"),
        ("false", "1.5"),
        ("false", "2.5"),
    ] {
        let set = [("speedup", speedup), ("select", select)];
        let alone = run(&network, &data, &set).unwrap();
        let small = run(&network, &data, &[set[0], set[1], ("pes", "4")]).unwrap();
        let reached: f64 = small.provenance["low-rank.speedup.pes"].parse().unwrap();
        let wanted: f64 = speedup.parse().unwrap();
        assert!((wanted..1.7 * wanted).contains(&reached), "{reached}");
        assert!(!alone.provenance.contains_key("low-rank.speedup.pes"));
        differ += usize::from(filters(&small) != filters(&alone));
    }
    assert!(differ > 0, "the PEs change nothing");
}

#[test]
fn the_approximation_is_near_and_training_on_helps() {
    let data = data();
    let network = trained(&data);
    let small = run(&network, &data, &[("speedup", "2"), ("tune-epochs", "2")]).unwrap();
    let accuracy = |key: &str| small.provenance[key].parse::<f64>().unwrap();
    let before = accuracy("low-rank.accuracy.before");
    assert!(before > 0.95, "{before}");
    assert!(accuracy("low-rank.accuracy.split") > before - 0.2);
    assert!(accuracy("accuracy") > before - 0.05);
    let again = run(&network, &data, &[("speedup", "2"), ("tune-epochs", "2")]).unwrap();
    assert_eq!(small, again, "the seed says it all");
}

#[test]
fn ranks_can_be_given() {
    let data = data();
    let network = trained(&data);
    let small = run(&network, &data, &[("ranks", "2,3,4")]).unwrap();
    assert!(
        small.provenance["low-rank.filters"].contains(":2/8"),
        "{:?}",
        small.provenance
    );
    let channels: Vec<usize> = small
        .layers
        .iter()
        .map(|layer| layer.operator.output().channels)
        .collect();
    assert_eq!(channels, [2, 8, 3, 12, 12, 4, 16, 4]);
}

#[test]
fn what_cannot_be_done_is_refused() {
    let data = data();
    let network = trained(&data);
    for (set, text) in [
        (("speedup", "1000"), "at most"),
        (("speedup", "0.5"), "at least 1"),
        (("ranks", "1,2"), "one for each of"),
        (("ranks", "0,2,3"), "at least 1"),
        (("images", "0"), "at least 1"),
        (("pes", "0"), "a power of two up to 64"),
        (("pes", "12"), "a power of two up to 64"),
        (("pes", "9223372036854775808"), "a power of two up to 64"),
    ] {
        let error = run(&network, &data, &[set]).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}

#[test]
fn windows_are_split_into_columns_and_rows() {
    let data = data();
    let network = trained(&data);
    let small = run(&network, &data, &[("spatial", "true"), ("speedup", "3")]).unwrap();
    let kernels: Vec<[usize; 2]> = small
        .layers
        .iter()
        .filter_map(|layer| match &layer.operator {
            Operator::Conv { window, .. } => Some(window.kernel),
            _ => None,
        })
        .collect();
    assert_eq!(kernels[..2], [[3, 1], [1, 3]]);
    assert!(kernels.contains(&[1, 1]), "{kernels:?}");
    let reached = network.multiplications() / small.multiplications();
    assert!((3.0..5.0).contains(&reached), "{reached}");
    let kept = &small.provenance["low-rank.filters"];
    assert!(kept.contains('-') && kept.contains("/12"), "{kept}");
    let before: f64 = small.provenance["low-rank.accuracy.before"]
        .parse()
        .unwrap();
    let split: f64 = small.provenance["low-rank.accuracy.split"].parse().unwrap();
    assert!(split > before - 0.2, "{split}");
}

#[test]
fn a_layer_that_keeps_its_filters_behind_columns_is_solved_too() {
    let data = data();
    let network = trained(&data);
    let small = run(&network, &data, &[("spatial", "true"), ("speedup", "1.2")]).unwrap();
    let kept = &small.provenance["low-rank.filters"];
    assert!(kept.contains("-12/12") || kept.contains("-8/8"), "{kept}");
    let accuracy = |key: &str| small.provenance[key].parse::<f64>().unwrap();
    let (before, split) = (
        accuracy("low-rank.accuracy.before"),
        accuracy("low-rank.accuracy.split"),
    );
    assert!(split > before - 0.05, "{split} after {before}");
    let refused = run(&network, &data, &[("spatial", "true"), ("ranks", "2,3,4")]);
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("where ranks are given"), "{refused}");
    let refused = run(&network, &data, &[("spatial", "true"), ("speedup", "1000")]);
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("without spatial=true"), "{refused}");
    // What the plain variant reaches, this one does.
    run(&network, &data, &[("spatial", "true"), ("speedup", "6")]).unwrap();
}

use thresh_model::{Dataset, Shape};
use thresh_regs::CONFIGS;

use super::*;
use crate::{Data, Hidden, Silent, TrainOptions};

#[test]
fn a_family_is_every_choice_of_its_alternatives() {
    let members = family("conv{2,4}x{1,3p1},pool2,{,16}").unwrap();
    assert_eq!(members.len(), 8);
    let conv = |outputs, kernel, pads| Hidden::Conv {
        outputs,
        kernel,
        stride: 1,
        pads,
    };
    let pool = Hidden::MaxPool {
        kernel: 2,
        stride: 2,
    };
    assert_eq!(members[0], [conv(2, 1, 0), pool]);
    assert_eq!(members[7], [conv(4, 3, 1), pool, Hidden::Dense(16)]);
    assert_eq!(family("300,100").unwrap(), [[300, 100].map(Hidden::Dense)]);
    assert_eq!(family("").unwrap(), [vec![]]);
    let own: usize = DHINGRA.iter().map(|text| family(text).unwrap().len()).sum();
    assert!((100..1000).contains(&own), "{own}");
}

#[test]
fn what_is_no_family_is_refused() {
    for (text, expected) in [
        ("conv{1,2x3", "a } behind every {"),
        ("conv1}x3", "a { before every }"),
        ("{1,{2,3}}", "no braces in braces"),
        ("conv{1,2}y3", "a layer as 300"),
        (
            "{1,2,3,4,5,6,7,8,9,10}{1,2,3,4,5,6,7,8,9,0}{1,2,3,4,5,6,7,8,9,0}{1,2,3,4,5,6,7,8,9,0}{1,2}",
            "at most 10000",
        ),
    ] {
        let error = family(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_member_is_costed_before_it_is_trained() {
    let input = Shape {
        channels: 1,
        height: 28,
        width: 28,
    };
    // The net of the tutorial that the paper begins with.
    let base = &family("conv32x5p2,pool2,conv64x5p2,pool2,1024").unwrap()[0];
    let base = Member::new(base, input, 10).unwrap();
    assert_eq!(base.parameters, 3_274_634);
    let conv = 784 * 25 * 32 + 196 * 25 * 32 * 64;
    let dense = 7 * 7 * 64 * 1024 + 1024 * 10;
    assert_eq!(base.multiplications, conv + dense);
    // The first map and what the pool makes of it are the largest neighbours.
    assert_eq!(base.memory, 4 * (3_274_634 + 784 * 32 + 196 * 32));
    assert!(Member::new(&[Hidden::Dense(0)], input, 10).is_err());
}

fn trial(parameters: usize, accuracy: f64, packed: Option<(u64, f64)>) -> Trial {
    Trial {
        member: Member {
            hidden: parameters.to_string(),
            parameters,
            multiplications: 0,
            memory: 0,
        },
        outcome: Outcome {
            float_accuracy: accuracy,
            accuracy,
            nonzeros: 0,
            packed,
        },
    }
}

#[test]
fn the_front_is_what_no_other_beats() {
    let some = Some((1, 1.0));
    let trials = [
        trial(100, 0.90, some),
        trial(50, 0.95, some),
        trial(200, 0.97, some),
        trial(150, 0.97, None),
        trial(50, 0.95, some),
        trial(40, 0.10, some),
    ];
    let by = |trial: &Trial| Some(trial.member.parameters as f64);
    assert_eq!(front(&trials, by), [5, 1, 3]);
    let packed = |trial: &Trial| trial.outcome.packed.and(by(trial));
    assert_eq!(front(&trials, packed), [5, 1, 2]);
    assert_eq!(smallest(&trials, 0.95), Some(1));
    assert_eq!(smallest(&trials, 0.96), Some(2));
    assert_eq!(smallest(&trials, 0.98), None);
    // 178 of 250 images are 71.2 %.
    let exact = trial(1, 178.0 / 250.0, some);
    assert!(holds(&exact, 71.2 / 100.0) && !holds(&exact, 0.7121));
}

#[test]
fn a_trial_is_trained_packed_and_remembered() {
    let shape = Shape {
        channels: 1,
        height: 4,
        width: 4,
    };
    let set = |count: usize| Dataset {
        shape,
        images: (0..count)
            .flat_map(|index| {
                (0..16).map(move |at| {
                    if at % 2 == index % 2 {
                        200
                    } else {
                        (index % 50) as u8
                    }
                })
            })
            .collect(),
        labels: (0..count).map(|index| (index % 2) as u8).collect(),
    };
    let data = Data::new(set(100), set(40)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan {
        data: &data,
        training: TrainOptions {
            epochs: 4,
            batch: 10,
            shift: 0,
            ..Default::default()
        },
        compression: Plan::sharing(15),
        config: &CONFIGS[0],
        calibration: 20,
        cycle_images: 3,
        folder: folder.path().into(),
    };
    let member = Member::new(&[Hidden::Dense(4)], shape, 2).unwrap();
    assert_eq!(plan.known(&member).unwrap(), None);
    let (trial, network) = plan.run(&member, "test", &mut Silent).unwrap();
    assert!(trial.outcome.accuracy > 0.9, "{trial:?}");
    let (bytes, cycles) = trial.outcome.packed.unwrap();
    assert!(bytes > 50 && cycles > 10.0, "{trial:?}");
    assert_eq!(network.parameters(), member.parameters);
    assert_eq!(plan.known(&member).unwrap(), Some(trial.clone()));
    let (again, same) = plan.run(&member, "test", &mut Silent).unwrap();
    assert_eq!((again, same), (trial, network));
    let conv = Hidden::Conv {
        outputs: 2,
        kernel: 3,
        stride: 1,
        pads: 0,
    };
    let fully = Plan {
        config: thresh_regs::Config::named("icebreaker").unwrap(),
        ..plan.clone()
    };
    let conv = Member::new(&[conv], shape, 2).unwrap();
    let (conv, _) = fully.run(&conv, "test", &mut Silent).unwrap();
    assert_eq!(conv.outcome.packed, None, "an engine without maps");
    let mut other = plan.clone();
    other.training.epochs = 5;
    assert_eq!(other.known(&member).unwrap(), None, "another plan");
    std::fs::write(plan.folder(&member).join("trial.json"), "{}").unwrap();
    let error = plan.known(&member).unwrap_err().to_string();
    assert!(error.contains("trial.json"), "{error}");
}

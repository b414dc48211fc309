use std::ops::ControlFlow;

use thresh_model::{Dataset, network::Shape};

use super::*;
use crate::progress::{KeptInfo, RateInfo};

#[test]
fn the_rate_falls_along_a_cosine() {
    let plan = plan(&NET, Guard::Off, 1);
    let plan = Plan { rate: 2.0, ..plan };
    assert!((plan.rate_at(0.0) - 2.0).abs() < 1e-12);
    assert!((plan.rate_at(0.5) - 1.0).abs() < 1e-12);
    assert!(plan.rate_at(1.0).abs() < 1e-12);
}

static NET: std::sync::LazyLock<Net> = std::sync::LazyLock::new(|| crate::net::dense(&[2, 2]));

fn plan(net: &Net, guard: Guard, epochs: usize) -> Plan<'_> {
    Plan {
        net,
        purpose: Purpose::Train,
        seed: 0,
        epochs,
        batch: 1,
        rate: 1.0,
        shift: 0,
        fall: Fall::Cosine,
        guard,
    }
}

/// Forty images of two classes, of which the first or the second value is bright.
fn data() -> Data {
    let set = Dataset {
        shape: Shape {
            channels: 1,
            height: 1,
            width: 2,
        },
        images: (0..40)
            .flat_map(|at| if at % 2 == 0 { [9, 0] } else { [0, 9] })
            .collect(),
        labels: (0..40).map(|at| at % 2).collect(),
    };
    Data::new(set.clone(), set).unwrap()
}

/// A stage whose weights follow from the epochs that it has done and from the rates: a script, not a descent.
struct Scripted {
    steps: f32,
    /// Whether a rate above `most` was used.
    broken: bool,
    most: f64,
    /// Strength of the right answer at the start and behind each epoch; NaN: no number.
    strength: Vec<f32>,
    keeps: bool,
}

impl Scripted {
    fn new(most: f64, strength: &[f32]) -> Self {
        Self {
            steps: 0.0,
            broken: false,
            most,
            strength: strength.to_vec(),
            keeps: true,
        }
    }
}

impl Stage for Scripted {
    fn name(&self) -> &'static str {
        "script"
    }

    fn weights(&self) -> Vec<Affine> {
        let epoch = (self.steps / 40.0) as usize;
        // What is broken gives both classes the same.
        let strength = match self.broken {
            true => 0.0,
            false => self.strength[epoch],
        };
        vec![Affine {
            weight: net::matrix(&[strength, 0.0, 0.0, strength], 2, 2),
            bias: net::vector(&[0.0, 0.0]),
        }]
    }

    fn step(&mut self, _gradients: Vec<Affine>, rate: f64) {
        self.steps += 1.0;
        self.broken |= rate > self.most;
    }

    fn state(&self) -> State {
        let broken = f32::from(u8::from(self.broken));
        State::from([("script".to_string(), vec![self.steps, broken])])
    }

    fn restore(&mut self, state: State) -> Option<()> {
        let &[steps, broken] = state.get("script")?.as_slice() else {
            return None;
        };
        (self.steps, self.broken) = (steps, broken != 0.0);
        Some(())
    }

    fn keeps(&self) -> bool {
        self.keeps
    }
}

/// Remembers what was told, and stops after `left` epochs.
#[derive(Default)]
struct Told {
    left: Option<usize>,
    epochs: usize,
    rates: Vec<f64>,
    kept: Vec<usize>,
}

impl Progress for Told {
    fn rate(&mut self, info: &RateInfo) {
        self.rates.push(info.rate);
    }

    fn kept(&mut self, info: &KeptInfo) {
        self.kept.push(info.epochs);
    }

    fn epoch(&mut self, _: &EpochInfo) -> ControlFlow<()> {
        self.epochs += 1;
        match self.left == Some(self.epochs) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

fn run_on(
    stage: &mut Scripted,
    guard: Guard,
    folder: Option<&std::path::Path>,
    told: &mut Told,
) -> Result<f64> {
    let epochs = stage.strength.len() - 1;
    let mut context = Context {
        folder: folder.map(Into::into),
        command: "test".into(),
        progress: told,
    };
    let plan = plan(&NET, guard, epochs);
    run(stage, &plan, &data(), Identity::new(), &mut context)
}

#[test]
fn the_best_epoch_is_kept() {
    for (strength, best) in [
        (&[0.1, 0.2, 0.5, 0.3][..], 2),
        (&[0.4, 0.3, 0.2, 0.39], 0),
        (&[0.1, 0.2, 0.3, 0.4], 3),
    ] {
        let mut stage = Scripted::new(9.0, strength);
        let mut told = Told::default();
        assert_eq!(run_on(&mut stage, Guard::On, None, &mut told).unwrap(), 1.0);
        let expected = if best == 3 { vec![] } else { vec![best] };
        assert_eq!((told.kept, told.epochs), (expected, 3), "{strength:?}");
        assert_eq!(stage.steps, 40.0 * best as f32);
    }
    // What was made smaller cannot be taken back.
    let mut stage = Scripted::new(9.0, &[0.4, 0.3, 0.2]);
    stage.keeps = false;
    let mut told = Told::default();
    run_on(&mut stage, Guard::On, None, &mut told).unwrap();
    assert_eq!((stage.steps, told.kept), (80.0, vec![]));
}

#[test]
fn a_rate_is_lowered_until_training_gains() {
    for (most, rate) in [
        (1.0, None),
        (0.4, Some(1.0 / 3.0)),
        (0.01, Some(1.0 / 243.0)),
    ] {
        let mut stage = Scripted::new(most, &[0.1, 0.2, 0.3]);
        let mut told = Told::default();
        assert_eq!(run_on(&mut stage, Guard::On, None, &mut told).unwrap(), 1.0);
        let last = told.rates.last().copied();
        let near = |(found, expected): (f64, f64)| (found - expected).abs() < 1e-12;
        assert_eq!(last.is_some(), rate.is_some(), "{most}");
        assert!(last.zip(rate).is_none_or(near), "{last:?} {rate:?}");
        assert!(!stage.broken);
    }
}

#[test]
fn an_epoch_that_goes_wrong_is_run_again_with_a_lower_rate() {
    // The first epoch suits; in the second the answers turn round until the rate is low enough.
    struct Turning(Scripted);
    impl Stage for Turning {
        fn name(&self) -> &'static str {
            "script"
        }
        fn weights(&self) -> Vec<Affine> {
            self.0.weights()
        }
        fn step(&mut self, gradients: Vec<Affine>, rate: f64) {
            let most = if self.0.steps < 40.0 { 9.0 } else { 0.1 };
            self.0.most = most;
            self.0.step(gradients, rate);
        }
        fn state(&self) -> State {
            self.0.state()
        }
        fn restore(&mut self, state: State) -> Option<()> {
            self.0.restore(state)
        }
    }
    let mut stage = Turning(Scripted::new(9.0, &[0.1, 0.2, 0.3]));
    let mut told = Told::default();
    let mut context = Context {
        folder: None,
        command: "test".into(),
        progress: &mut told,
    };
    let plan = plan(&NET, Guard::On, 2);
    let accuracy = run(&mut stage, &plan, &data(), Identity::new(), &mut context);
    assert_eq!(accuracy.unwrap(), 1.0);
    // Behind half of the steps a cosine is at half of the rate.
    assert_eq!(told.rates.len(), 2, "{:?}", told.rates);
    assert!(!stage.0.broken && told.kept.is_empty());
    assert_eq!(told.epochs, 2);
}

#[test]
fn without_guard_nothing_is_kept_and_a_rescue_begins_again() {
    let mut stage = Scripted::new(0.4, &[0.1, 0.2, 0.3]);
    let mut told = Told::default();
    assert_eq!(
        run_on(&mut stage, Guard::Off, None, &mut told).unwrap(),
        0.5
    );
    assert!(stage.broken && told.rates.is_empty());
    let mut stage = Scripted::new(0.4, &[0.1, 0.2, 0.3]);
    let mut told = Told::default();
    let accuracy = run_on(&mut stage, Guard::Rescue, None, &mut told);
    assert_eq!(accuracy.unwrap(), 1.0);
    assert_eq!((told.epochs, told.rates.len()), (4, 1));
    // A loss that is no number from the second epoch on; whatever the rate, it stays an error.
    let mut stage = Scripted::new(9.0, &[0.1, f32::NAN, f32::NAN]);
    let error = run_on(&mut stage, Guard::Rescue, None, &mut Told::default());
    assert!(matches!(error, Err(Error::Diverged { .. })), "{error:?}");
    let mut stage = Scripted::new(9.0, &[f32::NAN, 0.1, 0.1]);
    let error = run_on(&mut stage, Guard::On, None, &mut Told::default());
    assert!(matches!(error, Err(Error::Diverged { .. })), "{error:?}");
}

#[test]
fn a_guarded_stage_goes_on_where_it_stopped() {
    for guard in [Guard::On, Guard::Rescue] {
        // The plain run of a rescue comes first, and is no better than a guess.
        let strength = [0.1, 0.2, 0.5, 0.3];
        let whole = {
            let mut stage = Scripted::new(0.4, &strength);
            run_on(&mut stage, guard, None, &mut Told::default()).unwrap();
            stage.state()
        };
        for stop in 1..=3 {
            let folder = tempfile::tempdir().unwrap();
            let mut stopped = Told {
                left: Some(stop),
                ..Told::default()
            };
            let first = run_on(
                &mut Scripted::new(0.4, &strength),
                guard,
                Some(folder.path()),
                &mut stopped,
            );
            assert!(matches!(first, Err(Error::Stopped { .. })));
            let mut stage = Scripted::new(0.4, &strength);
            let mut told = Told::default();
            run_on(&mut stage, guard, Some(folder.path()), &mut told).unwrap();
            assert_eq!(stage.state(), whole, "{guard:?} stopped after {stop}");
            assert_eq!(told.kept, [2]);
        }
    }
}

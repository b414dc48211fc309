//! What `thresh reproduce` makes: networks, each compressed in several ways for an engine.

/// A network that is trained once.
#[derive(Debug)]
pub struct Trained {
    /// Its name in tables, and of its folder.
    pub name: &'static str,
    /// Name of the data set.
    pub data: &'static str,
    /// Words of `thresh train` that make it, but for data and output.
    pub train: &'static [&'static str],
    /// Words that choose the recipe, for `thresh compress`.
    pub recipe: &'static [&'static str],
    /// Test images that its compressed networks read on the Verilated engine: fewer where an inference takes long.
    pub images: usize,
    /// What becomes of it.
    pub experiments: &'static [Experiment],
}

/// One way to compress it.
#[derive(Clone, Copy, Debug)]
pub struct Experiment {
    /// Its name in tables, and of its files.
    pub name: &'static str,
    /// The `NAME=VALUE` of `thresh compress --set`, group by group.
    pub set: &'static [&'static [&'static str]],
    /// The engine.
    pub config: &'static str,
}

const LENET_300_100: &[&str] = &["--net", "lenet-300-100"];
const LENET_5: &[&str] = &["--net", "lenet-5"];

/// Nothing is removed, and 255 values a layer are as good as 8-bit weights.
const DENSE: Experiment = Experiment {
    name: "dense, 8 bits",
    set: &[&[
        "densities=1,1",
        "structure=0",
        "codes=255",
        "prune-epochs=1",
        "prune-rate=0.001",
        "retrain-epochs=0",
        "tune-epochs=2",
        "tune-rate=0.0003",
    ]],
    config: "ulx3s-85f",
};

/// The paper's shares and code words of 6 bits for LeNet-300-100.
const PAPER_300_100: Experiment = Experiment {
    name: "paper's recipe",
    set: &[&[
        "densities=0.08,0.09,0.26",
        "structure=0",
        "codes=63",
        "prune-epochs=10",
        "retrain-epochs=20",
        "tune-epochs=5",
    ]],
    config: "ulx3s-85f",
};

/// All of them, in the order of the tables.
pub const TRAINED: &[Trained] = &[
    Trained {
        name: "LeNet-300-100",
        data: "mnist",
        train: LENET_300_100,
        recipe: LENET_300_100,
        images: 10_000,
        experiments: &[
            PAPER_300_100,
            Experiment {
                name: "3,000 weights",
                set: &[],
                config: "ulx3s-25f",
            },
        ],
    },
    Trained {
        name: "LeNet-5",
        data: "mnist",
        train: LENET_5,
        recipe: LENET_5,
        images: 1000,
        experiments: &[
            Experiment {
                name: "paper's recipe",
                set: &[],
                config: "ulx3s-85f",
            },
            SMALL_LENET_5,
        ],
    },
    Trained {
        name: "784-32-10",
        data: "mnist",
        train: &["--hidden", "32"],
        recipe: LENET_300_100,
        images: 10_000,
        experiments: &[
            DENSE,
            Experiment {
                name: "2,000 weights",
                set: &[&["weights=2000", "retrain-epochs=60"]],
                config: "ulx3s-25f",
            },
        ],
    },
    Trained {
        name: "784-16-10",
        data: "mnist",
        train: &["--hidden", "16"],
        recipe: LENET_300_100,
        images: 10_000,
        experiments: &[
            DENSE,
            Experiment {
                name: "1,500 weights",
                set: &[&["weights=1500", "retrain-epochs=60"]],
                config: "ulx3s-25f",
            },
        ],
    },
    Trained {
        name: "784-64-10",
        data: "mnist",
        train: &["--hidden", "64"],
        recipe: LENET_300_100,
        images: 10_000,
        experiments: &[
            DENSE,
            Experiment {
                name: "2,500 weights",
                set: &[&["weights=2500", "retrain-epochs=60"]],
                config: "ulx3s-25f",
            },
        ],
    },
    Trained {
        name: "LeNet-300-100",
        data: "fashion-mnist",
        train: LENET_300_100,
        recipe: LENET_300_100,
        images: 10_000,
        experiments: &[
            PAPER_300_100,
            Experiment {
                name: "6,000 weights",
                set: &[&["weights=6000", "retrain-epochs=40"]],
                config: "ulx3s-25f",
            },
            Experiment {
                name: "3,000 weights",
                set: &[&["weights=3000", "retrain-epochs=40"]],
                config: "ulx3s-25f",
            },
        ],
    },
    Trained {
        name: "LeNet-5",
        data: "fashion-mnist",
        train: LENET_5,
        recipe: LENET_5,
        images: 1000,
        experiments: &[
            Experiment {
                name: "paper's recipe",
                set: &[],
                config: "ulx3s-85f",
            },
            CLOTHES_LENET_5[0],
            CLOTHES_LENET_5[1],
        ],
    },
];

/// LeNet-5 with few weights: what its small experiments share.
const FEW_IN_LENET_5: &[&str] = &[
    "densities=",
    "structure=1",
    "prune-rate=0.02",
    "retrain-rate=0.03",
    "decay=0.0002",
    "codes=16",
    "tune-epochs=2",
    "tune-rate=0.001",
];

/// Few bytes and few multiplications: at least 99.2 % of MNIST on eight PEs.
const SMALL_LENET_5: Experiment = Experiment {
    name: "3,100 weights",
    set: &[
        FEW_IN_LENET_5,
        &[
            "weights=3100",
            "mac-price=0.1",
            "prune-epochs=8",
            "retrain-epochs=16",
        ],
    ],
    config: "ulx3s-25f",
};

const CLOTHES_EPOCHS: &[&str] = &["prune-epochs=5", "retrain-epochs=9"];

/// Two sizes for clothes, which take more weights than digits.
const CLOTHES_LENET_5: [Experiment; 2] = [
    Experiment {
        name: "6,000 weights",
        set: &[
            FEW_IN_LENET_5,
            CLOTHES_EPOCHS,
            &["weights=6000", "mac-price=0.02"],
        ],
        config: "ulx3s-25f",
    },
    Experiment {
        name: "3,100 weights",
        set: &[
            FEW_IN_LENET_5,
            CLOTHES_EPOCHS,
            &["weights=3100", "mac-price=0.05"],
        ],
        config: "ulx3s-25f",
    },
];

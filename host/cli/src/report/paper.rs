//! Figures of Deep Compression (Han, Mao, Dally, 1510.00149): tables 1, 2 and 3 for the two networks on MNIST.

/// A row of table 2 or 3.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PaperLayer {
    /// The paper's name of the layer.
    pub name: &'static str,
    /// Weights.
    pub weights: u64,
    /// Weights left, in percent.
    pub kept: f64,
    /// Bits of a code before and after Huffman coding.
    pub code_bits: [f64; 2],
    /// Bits of a run before and after Huffman coding.
    pub run_bits: [f64; 2],
}

/// What the paper says of a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paper {
    /// Our name of the network.
    pub network: &'static str,
    /// Where the rows stand.
    pub table: u32,
    /// Error in percent before and after compression (table 1).
    pub error: [f64; 2],
    /// Kilobytes before and after compression (table 1).
    pub kilobytes: [u32; 2],
    /// The rows.
    pub layers: &'static [PaperLayer],
}

const fn row(
    name: &'static str,
    weights: u64,
    kept: f64,
    code_bits: [f64; 2],
    run_bits: [f64; 2],
) -> PaperLayer {
    PaperLayer {
        name,
        weights,
        kept,
        code_bits,
        run_bits,
    }
}

/// The totals of the paper do not follow from its rows, so they are left out. The last row of LeNet-5 has more bits
/// after Huffman coding than before; so has the paper.
const PAPERS: [Paper; 2] = [
    Paper {
        network: "lenet-300-100",
        table: 2,
        error: [1.64, 1.58],
        kilobytes: [1070, 27],
        layers: &[
            row("ip1", 235_200, 8.0, [6.0, 4.4], [5.0, 3.7]),
            row("ip2", 30_000, 9.0, [6.0, 4.4], [5.0, 4.3]),
            row("ip3", 1_000, 26.0, [6.0, 4.3], [5.0, 3.2]),
        ],
    },
    Paper {
        network: "lenet-5",
        table: 3,
        error: [0.80, 0.74],
        kilobytes: [1720, 44],
        layers: &[
            row("conv1", 500, 66.0, [8.0, 7.2], [5.0, 1.5]),
            row("conv2", 25_000, 12.0, [8.0, 7.2], [5.0, 3.9]),
            row("ip1", 400_000, 8.0, [5.0, 4.5], [5.0, 4.5]),
            row("ip2", 5_000, 19.0, [5.0, 5.2], [5.0, 3.7]),
        ],
    },
];

/// The figures for the network of this name whose layers have so many weights.
pub fn paper(network: &str, weights: &[u64]) -> Option<&'static Paper> {
    PAPERS.iter().find(|paper| {
        let own: Vec<u64> = paper.layers.iter().map(|layer| layer.weights).collect();
        paper.network == network && own == weights
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use thresh_compress::Recipe;

    #[test]
    fn the_networks_of_the_paper_are_those_of_the_recipes() {
        for (known, recipe) in PAPERS.iter().zip(Recipe::ALL) {
            assert_eq!(known.network, recipe.name());
            let weights: Vec<u64> = known.layers.iter().map(|layer| layer.weights).collect();
            assert_eq!(paper(recipe.name(), &weights), Some(known));
            assert_eq!(paper(recipe.name(), &weights[1..]), None);
            assert_eq!(paper("other", &weights), None);
        }
        let densities = Recipe::LeNet5.deep_compression().densities;
        let kept = PAPERS[1].layers.iter().map(|layer| layer.kept / 100.0);
        assert_eq!(kept.collect::<Vec<_>>(), densities);
    }
}

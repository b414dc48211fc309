use super::*;
use proptest::prelude::*;

fn sliding(
    input: [usize; 2],
    size: [usize; 2],
    stride: [usize; 2],
    pad: [i32; 2],
    output: [usize; 2],
) -> Geometry {
    Geometry {
        channels: 1,
        input,
        kernel: Kernel::Slides { size, stride, pad },
        output,
        pool: None,
    }
}

/// The pairs of segment and accumulator that the engine makes of position (`y`, `x`): by the tables
/// and the descriptor, as the scan and the weight store do.
fn walked(g: &Geometry, rows: usize, y: usize, x: usize) -> Vec<(usize, usize)> {
    let tables = g.tables(rows);
    let mut d = PassDescriptor {
        rows: rows as u16,
        ..PassDescriptor::default()
    };
    g.describe(&mut d, 1);
    let (wx, wy) = (tables.x[x], tables.y[y]);
    let mut found = Vec::new();
    for tap in 0..usize::from(wy.count) {
        let unit =
            usize::from(wx.column) + usize::from(wy.column) + tap * usize::from(d.tap_columns);
        let base = usize::from(wx.base) + usize::from(wy.base) + (1 << 12)
            - tap * usize::from(d.row_step) % (1 << 12);
        for segment in usize::from(wx.start)..usize::from(wx.start + wx.count) {
            // The first row of the segment, counted in its kernel row.
            let row = (unit + segment) % g.taps() * rows;
            let row = if g.taps() == 1 { 0 } else { row };
            found.push((unit + segment, (base + row) % (1 << 12)));
        }
    }
    found
}

proptest! {
    #[test]
    fn tables_say_what_the_geometry_says(
        input in [1usize..9, 1usize..9], size in [1usize..6, 1usize..6], stride in [1usize..4, 1usize..4],
        pad in [-5i32..9, -5i32..9], extra in [0usize..9, 0usize..9], rows in 1usize..4,
    ) {
        let places = |axis: usize| {
            let side = input[axis] + extra[axis] + pad[axis].max(0) as usize;
            side.saturating_sub(size[axis]) / stride[axis] + 1
        };
        let g = sliding(input, size, stride, pad, [places(0), places(1)]);
        for y in 0..input[0] {
            for x in 0..input[1] {
                let mut expected = Vec::new();
                for ky in 0..size[0] {
                    for kx in 0..size[1] {
                        let oy = g.kernel.place(0, y, ky, g.output[0]);
                        let ox = g.kernel.place(1, x, kx, g.output[1]);
                        if let (Some(oy), Some(ox)) = (oy, ox) {
                            expected.push((g.segment(ky, kx), (oy * g.output[1] + ox) * rows));
                        }
                    }
                }
                let mut got = walked(&g, rows, y, x);
                got.sort_unstable();
                expected.sort_unstable();
                prop_assert_eq!(got, expected);
            }
        }
    }
}

#[test]
fn a_row_of_segments_by_hand() {
    // Stride 2, width 5: even kernel columns 4, 2, 0, then odd ones 3, 1.
    let g = sliding([9, 9], [1, 5], [1, 2], [0, 0], [9, 3]);
    let order: Vec<usize> = (0..5).map(|kx| g.segment(0, kx)).collect();
    assert_eq!(order, [2, 4, 1, 3, 0]);
    let word = g.tables(1).x[4];
    // Position 4 meets places 0, 1, 2 with columns 4, 2, 0.
    assert_eq!((word.start, word.count, word.base), (0, 3, 0));
}

#[test]
fn a_pool_sweeps_unless_its_windows_tile_the_map() {
    let places = |stride, output| Places {
        size: [2, 2],
        stride: [stride, stride],
        pad: [0, 0],
        output: [output, output],
    };
    let sweep = |pool| {
        let g = Geometry {
            pool: Some(pool),
            ..sliding([4, 4], [1, 1], [1, 1], [0, 0], [4, 4])
        };
        let mut d = PassDescriptor {
            rows: 1,
            ..PassDescriptor::default()
        };
        g.describe(&mut d, 1);
        d.sweep
    };
    assert!(!sweep(places(2, 2)));
    assert!(sweep(places(1, 3)));
    assert!(sweep(places(3, 1)));
}

//! The pictures of pages, as SVG.

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use std::ops::Range;
use thresh_compress::History;
use thresh_compress::history::{EpochRecord, Histogram};
use thresh_model::image::{Account, Part};

/// Width and height of a picture.
const SIZE: (u32, u32) = (560, 300);
/// The same of a picture of points.
const SCATTER: (u32, u32) = (620, 380);
const FONT: (&str, i32) = ("sans-serif", 14);
const CAPTION: (&str, i32) = ("sans-serif", 16);

/// Colours that differ in brightness too.
const COLOURS: [RGBColor; 8] = [
    RGBColor(31, 119, 180),
    RGBColor(255, 127, 14),
    RGBColor(44, 160, 44),
    RGBColor(214, 39, 40),
    RGBColor(148, 103, 189),
    RGBColor(140, 86, 75),
    RGBColor(127, 127, 127),
    RGBColor(23, 190, 207),
];

/// How much longer an axis is that leaves room for the legend.
const ROOM: f64 = 1.35;

/// Pixels beside the points of a picture: margins and labels.
const BESIDE: u32 = 80;

/// Pixels of a legend beside its names, and of a letter of them.
const LEGEND: f64 = 55.0;
const LETTER: f64 = 8.0;

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// Draws a picture.
fn svg(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Drawn) -> Result<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        let drawn = area.fill(&WHITE).map_err(|e| e.to_string());
        let drawn = drawn.and_then(|()| draw(&area));
        let drawn = drawn.and_then(|()| area.present().map_err(|e| e.to_string()));
        drawn.map_err(|e| anyhow!(e))?;
    }
    Ok(text)
}

/// What a drawing gives: an error only as text, since those of the backend cannot leave it.
type Drawn = std::result::Result<(), String>;

fn failed(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Mean loss by epoch.
pub fn losses(history: &History) -> Result<String> {
    curves("loss by epoch", history, |epoch| epoch.loss)
}

/// Error in percent by epoch.
pub fn errors(history: &History) -> Result<String> {
    curves("error by epoch, %", history, |epoch| {
        Some(100.0 * (1.0 - epoch.accuracy))
    })
}

/// A line a stage, one behind the other.
fn curves(
    caption: &str,
    history: &History,
    value: impl Fn(&EpochRecord) -> Option<f64>,
) -> Result<String> {
    let mut behind = 0;
    let mut lines: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
    for stage in &history.stages {
        let points = stage.epochs.iter().filter_map(|epoch| {
            let x = behind + epoch.epoch + 1;
            Some((x as f64, value(epoch).filter(|v| v.is_finite())?))
        });
        lines.push((stage.stage.clone(), points.collect()));
        behind += stage.epochs.last().map_or(0, |epoch| epoch.epoch + 1);
    }
    lines.retain(|(_, points)| !points.is_empty());
    let most = most(lines.iter().flat_map(|(_, points)| points).map(|&(_, y)| y));
    svg(SIZE, |area| {
        let mut chart = chart(
            area,
            caption,
            50,
            0.0..ROOM * (behind.max(1) + 1) as f64,
            0.0..most,
        )?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .max_light_lines(0)
            .x_label_formatter(&|x| format!("{x:.0}"))
            .label_style(FONT)
            .draw()
            .map_err(failed)?;
        for ((name, points), colour) in lines.iter().zip(COLOURS.iter().cycle()) {
            let colour = *colour;
            let line =
                LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(2);
            chart
                .draw_series(line)
                .map_err(failed)?
                .label(name.as_str())
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2))
                });
        }
        legend(&mut chart)
    })
}

/// Points of several kinds, with what their axes mean.
pub fn scatter(
    caption: &str,
    axes: [&str; 2],
    kinds: &[(String, Vec<(f64, f64)>)],
) -> Result<String> {
    points(caption, axes, kinds, None)
}

/// The same over an axis of powers of ten: `x` is the logarithm of what its axis shows. A line joins the points of `front`.
pub fn scatter_with_front(
    caption: &str,
    axes: [&str; 2],
    kinds: &[(String, Vec<(f64, f64)>)],
    front: &[(f64, f64)],
) -> Result<String> {
    points(caption, axes, kinds, Some(front))
}

fn points(
    caption: &str,
    [x_name, y_name]: [&str; 2],
    kinds: &[(String, Vec<(f64, f64)>)],
    front: Option<&[(f64, f64)]>,
) -> Result<String> {
    let all = || kinds.iter().flat_map(|(_, points)| points);
    let (left, right) = reach(all().map(|&(x, _)| x));
    let (bottom, top) = reach(all().map(|&(_, y)| y));
    let shown = kinds.iter().filter(|(_, points)| !points.is_empty());
    let longest = shown.map(|(name, _)| name.chars().count()).max();
    let wide = f64::from(SCATTER.0 - BESIDE);
    let legend_wide = LEGEND + LETTER * longest.unwrap_or(0) as f64;
    let room = ROOM.max(wide / (wide - legend_wide.min(wide / 2.0)));
    svg(SCATTER, |area| {
        let mut chart = ChartBuilder::on(area)
            .caption(caption, CAPTION)
            .margin(10)
            .x_label_area_size(45)
            .y_label_area_size(60)
            // The legend stands beside the points.
            .build_cartesian_2d(left..left + room * (right - left), bottom..top)
            .map_err(failed)?;
        let mut mesh = chart.configure_mesh();
        mesh.max_light_lines(0)
            .x_desc(x_name)
            .y_desc(y_name)
            .label_style(FONT);
        let power = |x: &f64| short(10f64.powf(*x));
        if front.is_some() {
            mesh.x_label_formatter(&power);
        }
        mesh.draw().map_err(failed)?;
        if let Some(front) = front {
            let line = LineSeries::new(front.iter().copied(), BLACK.mix(0.4));
            chart
                .draw_series(line)
                .map_err(failed)?
                .label("front")
                .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], BLACK.mix(0.4)));
        }
        let coloured = kinds.iter().zip(COLOURS.iter().cycle());
        for ((name, points), colour) in coloured.filter(|((_, points), _)| !points.is_empty()) {
            let colour = *colour;
            let circles = points.iter().map(|&at| Circle::new(at, 4, colour.filled()));
            chart
                .draw_series(circles)
                .map_err(failed)?
                .label(name.as_str())
                .legend(move |(x, y)| Circle::new((x + 8, y), 4, colour.filled()));
        }
        legend(&mut chart)
    })
}

/// A number for an axis, in thousands and millions.
fn short(value: f64) -> String {
    match value {
        value if value >= 999_500.0 => format!("{:.1}M", value / 1e6),
        value if value >= 999.5 => format!("{:.1}k", value / 1e3),
        value => format!("{value:.0}"),
    }
}

/// The weights before sharing, with the centroids as they are after fine-tuning.
pub fn unshared(name: &str, before: &Histogram, centroids: &[(f32, usize)]) -> Result<String> {
    let [least, greatest] = before.range.map(f64::from);
    let (from, to) = reach(
        centroids
            .iter()
            .map(|&(value, _)| f64::from(value))
            .chain([least, greatest]),
    );
    let width = (greatest - least) / before.counts.len().max(1) as f64;
    let most = most(before.counts.iter().map(|&n| n as f64));
    svg(SIZE, |area| {
        let mut chart = chart(
            area,
            &format!("{name}: before sharing, and centroids"),
            50,
            from..to,
            0.0..most,
        )?;
        mesh(&mut chart)?;
        let bars = before.counts.iter().enumerate().map(|(bin, &count)| {
            let x = least + bin as f64 * width;
            let corners = [(x, 0.0), (x + width.max((to - from) / 500.0), count as f64)];
            Rectangle::new(corners, COLOURS[0].mix(0.7).filled())
        });
        chart.draw_series(bars).map_err(failed)?;
        let marks = centroids.iter().map(|&(value, _)| {
            let x = f64::from(value);
            PathElement::new([(x, 0.0), (x, most)], COLOURS[3].mix(0.6).stroke_width(1))
        });
        chart.draw_series(marks).map_err(failed)?;
        Ok(())
    })
}

/// The shared weights and their members.
pub fn shared(name: &str, centroids: &[(f32, usize)]) -> Result<String> {
    let (from, to) = reach(centroids.iter().map(|&(value, _)| f64::from(value)));
    let most = most(centroids.iter().map(|&(_, members)| members as f64));
    svg(SIZE, |area| {
        let mut chart = chart(
            area,
            &format!("{name}: after sharing"),
            50,
            from..to,
            0.0..most,
        )?;
        mesh(&mut chart)?;
        let sticks = centroids.iter().map(|&(value, members)| {
            let x = f64::from(value);
            PathElement::new([(x, 0.0), (x, members as f64)], COLOURS[3].stroke_width(3))
        });
        chart.draw_series(sticks).map_err(failed)?;
        Ok(())
    })
}

/// What the bytes of each layer, and those of the whole network, are for.
pub fn parts(names: &[&str], accounts: &[Account]) -> Result<String> {
    let used = accounts.iter().filter(|account| account.bits > 0);
    let mut parts: Vec<Part> = used.map(|account| account.part).collect();
    parts.sort();
    parts.dedup();
    let columns: Vec<(String, Option<usize>)> = std::iter::once(("network".to_string(), None))
        .chain(
            names
                .iter()
                .enumerate()
                .map(|(i, name)| (name.to_string(), Some(i))),
        )
        .collect();
    let bytes = |part: Part, layer: Option<usize>| -> f64 {
        let own = accounts
            .iter()
            .filter(|a| a.part == part && a.layer == layer);
        own.map(|account| account.bits as f64 / 8.0).sum()
    };
    let whole = |layer: Option<usize>| -> f64 { parts.iter().map(|&p| bytes(p, layer)).sum() };
    let most = most(columns.iter().map(|(_, layer)| whole(*layer)));
    let wide = (260 + 90 * columns.len()).min(1600) as u32;
    svg((wide.max(SIZE.0), 380), |area| {
        let end = columns.len() as f64;
        let mut chart = chart(area, "bytes of the image", 60, 0.0..ROOM * end, 0.0..most)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .max_light_lines(0)
            .x_labels(0)
            .y_label_formatter(&|y| format!("{y:.0}"))
            .label_style(FONT)
            .draw()
            .map_err(failed)?;
        for (index, &part) in parts.iter().enumerate() {
            // The largest parts are the last ones: they get the full colours.
            let back = parts.len() - 1 - index;
            let share = if back < COLOURS.len() { 1.0 } else { 0.5 };
            let colour = COLOURS[back % COLOURS.len()].mix(share);
            let boxes = columns.iter().enumerate().map(|(x, (_, layer))| {
                let below: f64 = parts[..index].iter().map(|&p| bytes(p, *layer)).sum();
                let corners = [
                    (x as f64 + 0.15, below),
                    (x as f64 + 0.85, below + bytes(part, *layer)),
                ];
                Rectangle::new(corners, colour.filled())
            });
            chart
                .draw_series(boxes)
                .map_err(failed)?
                .label(part.name())
                .legend(move |(x, y)| {
                    Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled())
                });
        }
        // The axis has no names of its own for columns.
        let names = columns.iter().enumerate().map(|(x, (name, _))| {
            EmptyElement::at((x as f64 + 0.2, 0.0)) + Text::new(name.clone(), (0, 8), FONT)
        });
        chart.draw_series(names).map_err(failed)?;
        legend(&mut chart)
    })
}

type Chart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

/// Empty axes below a caption, with `left` pixels for the labels of `y`.
fn chart<'a, 'b>(
    area: &'a Area<'b>,
    caption: &str,
    left: u32,
    x: Range<f64>,
    y: Range<f64>,
) -> std::result::Result<Chart<'a, 'b>, String> {
    ChartBuilder::on(area)
        .caption(caption, CAPTION)
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(left)
        .build_cartesian_2d(x, y)
        .map_err(failed)
}

fn mesh(chart: &mut Chart<'_, '_>) -> Drawn {
    let mut mesh = chart.configure_mesh();
    let mesh = mesh
        .disable_x_mesh()
        .max_light_lines(0)
        .x_labels(7)
        .y_labels(6);
    let mesh = mesh.y_label_formatter(&|y| format!("{y:.0}"));
    mesh.label_style(FONT).draw().map_err(failed)
}

fn legend<'a, 'b: 'a>(chart: &mut Chart<'a, 'b>) -> Drawn {
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .label_font(FONT)
        .draw()
        .map_err(failed)
}

/// The end of an axis from 0 that shows `values`.
fn most(values: impl Iterator<Item = f64>) -> f64 {
    let most = values.fold(0.0, f64::max);
    if most > 0.0 { 1.05 * most } else { 1.0 }
}

/// The ends of an axis that shows `values`.
fn reach(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    let most = values.fold(f64::NEG_INFINITY, f64::max);
    let room = (0.05 * (most - least)).max(1e-3);
    if least <= most {
        (least - room, most + room)
    } else {
        (0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_front_is_drawn_over_powers_of_ten() {
        let kinds = [("low<rank>".to_string(), vec![(3.0, 90.0), (4.0, 95.0)])];
        let text = scatter_with_front("x", ["bytes", "%"], &kinds, &kinds[0].1).unwrap();
        assert!(
            text.contains("low&lt;rank&gt;") && text.contains("front"),
            "{text}"
        );
        assert!(text.contains("1.0k") || text.contains("10.0k"), "{text}");
        assert!(text.contains("<polyline"), "{text}");
        scatter_with_front("x", ["bytes", "%"], &[], &[]).unwrap();
        assert_eq!(
            [7.0, 999.4, 999.6, 31_623.0, 2e6].map(short),
            ["7", "999", "1.0k", "31.6k", "2.0M"]
        );
    }

    #[test]
    fn pictures_show_what_there_is() {
        let empty = curves("x", &History::default(), |epoch| epoch.loss).unwrap();
        assert!(
            empty.contains("<svg") && empty.contains("</svg>"),
            "{empty}"
        );
        let histogram = Histogram::new(&[-1.0, 0.5, 0.5, 2.0]);
        let text = unshared("conv<1>", &histogram, &[(0.5, 3), (-1.0, 1)]).unwrap();
        assert!(text.contains("conv&lt;1&gt;"), "{text}");
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
        for centroids in [&[][..], &[(0.5, 3)], &[(0.5, 0), (0.6, 7)]] {
            let text = shared("fc", centroids).unwrap();
            assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
        }
        let account = |part, layer, bits| Account { part, layer, bits };
        let accounts = [
            account(Part::Header, None, 80),
            account(Part::Biases, Some(0), 40),
            account(Part::Codebook, Some(1), 400),
        ];
        let text = parts(&["fc1", "fc2"], &accounts).unwrap();
        for word in ["header", "biases", "codebook", "network", "fc1", "fc2"] {
            assert!(text.contains(word), "{word}: {text}");
        }
    }
}

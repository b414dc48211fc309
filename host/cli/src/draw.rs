//! A picture in a terminal: two pixels a character.

use thresh_model::Shape;

/// The first channel of `pixels` in half-block characters; a pixel is drawn from half brightness on.
/// Empty rows at top and bottom are left out.
pub fn picture(shape: Shape, pixels: &[u8]) -> Vec<String> {
    let lit = |row: usize, column: usize| {
        let index = (row * shape.width + column) * shape.channels;
        row < shape.height && pixels.get(index).is_some_and(|&pixel| pixel >= 128)
    };
    let lines: Vec<String> = (0..shape.height)
        .step_by(2)
        .map(|row| {
            let mark = |column| match (lit(row, column), lit(row + 1, column)) {
                (false, false) => ' ',
                (true, false) => '▀',
                (false, true) => '▄',
                (true, true) => '█',
            };
            (0..shape.width).map(mark).collect()
        })
        .collect();
    let drawn = |line: &String| !line.trim().is_empty();
    let first = lines.iter().position(drawn).unwrap_or(0);
    let end = lines.iter().rposition(drawn).map_or(first, |last| last + 1);
    lines[first..end].to_vec()
}

/// Pictures side by side, each with a caption below.
pub fn row(pictures: &[(Vec<String>, String)]) -> String {
    let width = |(lines, caption): &(Vec<String>, String)| {
        lines
            .iter()
            .chain([caption])
            .map(|line| line.chars().count())
            .max()
            .unwrap_or(0)
            + 2
    };
    let height = pictures
        .iter()
        .map(|(lines, _)| lines.len())
        .max()
        .unwrap_or(0);
    let empty = String::new();
    let mut text: Vec<String> = Vec::new();
    for i in 0..=height {
        let line: String = pictures
            .iter()
            .map(|picture| {
                let (lines, caption) = picture;
                let cell = if i == height {
                    caption
                } else {
                    lines.get(i).unwrap_or(&empty)
                };
                format!("{cell:width$}", width = width(picture))
            })
            .collect();
        text.push(line.trim_end().to_string());
    }
    text.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_rows_of_pixels_are_a_line() {
        let shape = Shape {
            channels: 1,
            height: 5,
            width: 3,
        };
        let pixels = [0, 0, 0, 0, 0, 0, 255, 0, 128, 127, 255, 128, 255, 0, 0];
        assert_eq!(picture(shape, &pixels), ["▀▄█", "▀  "]);
        assert_eq!(picture(shape, &[0; 15]), Vec::<String>::new());
        assert_eq!(picture(shape, &[255]), ["▀  "], "what lacks is dark");
    }

    #[test]
    fn pictures_stand_side_by_side() {
        let one = (vec!["█".to_string()], "is 1".to_string());
        let two = (vec!["▀▀".to_string(), "▄▄".to_string()], "2".to_string());
        assert_eq!(row(&[one, two]), "█     ▀▀\n      ▄▄\nis 1  2");
    }
}

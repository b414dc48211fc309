//! A case: a model file, what it is about, inputs, and what a runtime computes for them.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use thresh_model::Shape;
use thresh_onnx::ImportOptions;

/// What a generator says about a case, `NAME.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct About {
    /// Name of the model's file.
    pub file: String,
    /// Who wrote the model.
    pub exporter: String,
    /// The kind of graph that it shows.
    pub form: String,
    /// Channels, height and width of the bytes.
    pub shape: [usize; 3],
    /// What the importer is told.
    #[serde(default)]
    pub options: Options,
    /// Whether the model is itself quantised.
    pub quantised: bool,
    /// What is compared.
    pub compare: Compare,
    /// What is right.
    pub expect: Expect,
    /// Words of which the refusal must hold one.
    #[serde(default)]
    pub refused: Option<Vec<String>>,
    /// The arrays, where they do not lie beside it.
    #[serde(default)]
    arrays: Option<Arrays>,
}

/// Inputs and outputs of a case that is kept for tests, one row an input.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arrays {
    inputs: Vec<Vec<u8>>,
    #[serde(default)]
    float: Vec<Vec<f32>>,
    #[serde(default)]
    open: Vec<Vec<f32>>,
}

/// Options of the importer, as `thresh import` has them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    scale: Option<f32>,
    #[serde(default)]
    mean: Vec<f32>,
    #[serde(default)]
    std: Vec<f32>,
    #[serde(default)]
    bgr: bool,
    shape: Option<String>,
    logits: Option<String>,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compare {
    /// All outputs, behind what the host makes of them.
    Values,
    /// The class alone: the model gives no more.
    Class,
}

/// What is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// The model is imported.
    Taken,
    /// The model is refused, for the reason named.
    Refused,
    /// Either, if the outputs are right or the reason is the one named.
    Either,
}

/// A table of outputs, one row an input.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    values: Vec<f32>,
    count: usize,
}

impl Rows {
    fn new(values: Vec<f32>, count: usize) -> Option<Rows> {
        (count > 0 && !values.is_empty()).then_some(Rows { values, count })
    }

    /// Outputs of input `index`.
    pub fn row(&self, index: usize) -> &[f32] {
        let length = self.values.len() / self.count;
        &self.values[index * length..][..length]
    }
}

/// A case, read.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// The model.
    pub path: PathBuf,
    /// What it is about.
    pub about: About,
    /// The inputs, bytes position by position.
    pub inputs: Vec<Vec<u8>>,
    /// What is right: outputs of the model in real numbers, where it is to be taken. A quantised model has two
    /// readings, with and without the limits of its quantisers.
    pub expected: Vec<Rows>,
    /// Outputs of the 8-bit model of onnxruntime, or of a quantised model itself; none where there is no such model.
    pub int8: Option<Rows>,
}

impl Case {
    /// Reads the case that `NAME.json` at `path` describes.
    ///
    /// # Errors
    /// If a file is missing, or does not say what the generators write.
    pub fn read(path: &Path) -> Result<Case> {
        let place = || path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(place)?;
        let about: About = serde_json::from_str(&text).with_context(place)?;
        let (inputs, expected, int8) = match &about.arrays {
            Some(arrays) => {
                let rows =
                    [&arrays.float, &arrays.open].map(|rows| Rows::new(rows.concat(), rows.len()));
                (arrays.inputs.clone(), rows, None)
            }
            None => beside(path)?,
        };
        let expected: Vec<Rows> = expected.into_iter().flatten().collect();
        let counts = expected.iter().chain(&int8).map(|rows| rows.count);
        ensure!(
            !inputs.is_empty() && counts.clone().all(|count| count == inputs.len()),
            "{}: got {} inputs and {:?} rows of outputs, expected as many, and at least one",
            path.display(),
            inputs.len(),
            counts.collect::<Vec<_>>()
        );
        ensure!(
            about.expect == Expect::Refused || !expected.is_empty(),
            "{}: got no outputs, expected some of what is to be taken",
            path.display()
        );
        Ok(Case {
            name: stem(path),
            path: path.with_file_name(&about.file),
            inputs,
            expected,
            int8,
            about,
        })
    }

    /// What the importer is told.
    ///
    /// # Errors
    /// If the shape is none.
    pub fn options(&self) -> Result<ImportOptions> {
        let given = &self.about.options;
        Ok(ImportOptions {
            mean: given.mean.clone(),
            std: given.std.clone(),
            bgr: given.bgr,
            shape: given.shape.as_deref().map(shape).transpose()?,
            output: given.logits.clone(),
            scale: given.scale,
            ..ImportOptions::default()
        })
    }
}

/// Inputs, both readings of what is right, and the outputs of an 8-bit model, from the arrays beside a case.
type Beside = (Vec<Vec<u8>>, [Option<Rows>; 2], Option<Rows>);

fn beside(path: &Path) -> Result<Beside> {
    let (inputs, shape) =
        array::<u8>(path, "inputs")?.with_context(|| path.display().to_string())?;
    let count = shape.first().copied().unwrap_or_default().max(1);
    let length = (inputs.len() / count).max(1);
    let rows = |name: &str| -> Result<Option<Rows>> {
        let found = array::<f32>(path, name)?;
        Ok(found.and_then(|(values, shape)| Rows::new(values, *shape.first()?)))
    };
    let inputs = inputs.chunks(length).map(<[u8]>::to_vec).collect();
    Ok((inputs, [rows("float")?, rows("open")?], rows("int8")?))
}

/// All cases below `folder`, in the order of their paths.
///
/// # Errors
/// If a folder cannot be read.
pub fn find(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .with_context(|| folder.display().to_string())?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            found.extend(find(&path)?);
        } else if path.extension().is_some_and(|end| end == "json") {
            found.push(path);
        }
    }
    Ok(found)
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .map_or(String::new(), |name| name.to_string_lossy().into_owned())
}

fn shape(text: &str) -> Result<Shape> {
    let sides: Vec<usize> = text
        .split('x')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .with_context(|| format!("got shape {text:?}, expected CHANNELSxHEIGHTxWIDTH"))?;
    ensure!(sides.len() == 3, "got shape {text:?}, expected three sides");
    Ok(Shape {
        channels: sides[0],
        height: sides[1],
        width: sides[2],
    })
}

/// Values and sides of the array `NAME.array.npy` of a case, if it is there.
fn array<T: npyz::Deserialize>(case: &Path, name: &str) -> Result<Option<(Vec<T>, Vec<usize>)>> {
    let path = case.with_extension(format!("{name}.npy"));
    let place = || path.display().to_string();
    if !path.is_file() {
        return Ok(None);
    }
    let array = npyz::NpyFile::new(BufReader::new(File::open(&path).with_context(place)?));
    let array = array.with_context(place)?;
    let sides = array.shape().iter().map(|&side| side as usize).collect();
    Ok(Some((array.into_vec::<T>().with_context(place)?, sides)))
}

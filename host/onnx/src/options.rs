//! Choices of the importer.

use thresh_model::Shape;

/// What a model file does not say about its input, and what is to be called how.
///
/// The value that the model reads at channel `c` is `(byte * scale - mean[c]) / std[c]`.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportOptions {
    /// Name of the network; the file's name if there is none.
    pub name: Option<String>,
    /// Real value of byte 1 before mean and deviation. By default 1/255, or what the element type of the model's input
    /// says: 1 for integers, where byte `b` of a model that reads int8 stands for `b - 128`.
    pub scale: Option<f32>,
    /// One mean for all channels of the model, or one each; none is 0.
    pub mean: Vec<f32>,
    /// One standard deviation for all channels of the model, or one each; none is 1.
    pub std: Vec<f32>,
    /// Whether the model wants the channels of an image in reverse order (blue first).
    pub bgr: bool,
    /// Shape of the image; needed where the model's own is symbolic or flat.
    pub shape: Option<Shape>,
    /// Output of the model to import; needed where there are several.
    pub output: Option<String>,
    /// Name of each output value; none by default.
    pub labels: Vec<String>,
    /// Most values that all constants and layers may have together, so that no file takes all memory;
    /// 2^29 by default, where VGG-19 has 2.9 * 10^8.
    pub most_values: usize,
    /// The command that imports, for the provenance.
    pub command: Option<String>,
}

impl Default for ImportOptions {
    fn default() -> Self {
        ImportOptions {
            name: None,
            scale: None,
            mean: vec![],
            std: vec![],
            bgr: false,
            shape: None,
            output: None,
            labels: vec![],
            most_values: 1 << 29,
            command: None,
        }
    }
}

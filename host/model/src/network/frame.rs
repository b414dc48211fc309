//! The frame around the input image.

use super::{Frame, Shape};

/// Byte that marks a position of the frame.
pub const FRAME_MARK: u8 = 255;

impl Frame {
    /// The shape of an image of shape `input` with the frame around it.
    pub fn around(&self, input: Shape) -> Shape {
        let [top, left, bottom, right] = self.pads;
        Shape {
            channels: input.channels + usize::from(self.marked),
            height: input.height + top + bottom,
            width: input.width + left + right,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Frame::default()
    }

    /// The bytes of `image`, of shape `input`, with the frame around them.
    ///
    /// # Panics
    /// If `image` has another length than `input`.
    pub fn apply(&self, input: Shape, image: &[u8]) -> Vec<u8> {
        assert_eq!(image.len(), input.len(), "an image has one byte a value");
        if self.is_empty() {
            return image.to_vec();
        }
        let map = self.around(input);
        let mut bytes = vec![0; map.len()];
        for (at, position) in bytes.chunks_exact_mut(map.channels).enumerate() {
            let (y, x) = (at / map.width, at % map.width);
            let inside = (y.checked_sub(self.pads[0]), x.checked_sub(self.pads[1]));
            match inside {
                (Some(y), Some(x)) if y < input.height && x < input.width => {
                    let from = (y * input.width + x) * input.channels;
                    position[..input.channels].copy_from_slice(&image[from..from + input.channels]);
                }
                _ if self.marked => position[input.channels] = FRAME_MARK,
                _ => {}
            }
        }
        bytes
    }
}

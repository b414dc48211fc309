//! What training computes on: the processor, or a GPU where the crate was built with one of its features `wgpu` and `cuda`.

use std::sync::OnceLock;

use burn::tensor::Device;

use crate::options::invalid;
use crate::{Error, Result};

/// Something that training computes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// The processor. Only here a seed gives the same network to the bit again, on processors of one kind: matrix products are cut by the sizes of
    /// their caches and vectors.
    #[default]
    Cpu,
    /// A GPU by Vulkan, Metal or DirectX: cargo feature `wgpu`.
    Wgpu,
    /// A GPU of NVIDIA: cargo feature `cuda`.
    Cuda,
}

static CHOSEN: OnceLock<Backend> = OnceLock::new();

impl Backend {
    /// All of them, whether this build has them or not.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Wgpu, Self::Cuda];

    /// Its name, which is that of the cargo feature too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
        }
    }

    /// Whether this build has it.
    pub fn is_built(self) -> bool {
        match self {
            Self::Cpu => true,
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Cuda => cfg!(feature = "cuda"),
        }
    }

    /// Computes on it from now on, in the whole process. To be called before anything is trained.
    ///
    /// # Errors
    /// If this build does not have it, or another one is in use.
    pub fn choose(self) -> Result<()> {
        let name = self.name();
        if !self.is_built() {
            let expected = format!(
                "one of this build; `cargo build --release --features {name}` makes one that has it"
            );
            return Err(invalid("backend", name, &expected));
        }
        match *CHOSEN.get_or_init(|| self) {
            chosen if chosen == self => Ok(()),
            chosen => Err(invalid(
                "backend",
                name,
                &format!("{}, which is in use already", chosen.name()),
            )),
        }
    }

    /// The one that is in use.
    pub fn chosen() -> Self {
        *CHOSEN.get_or_init(Self::default)
    }

    pub(crate) fn device(self) -> Device {
        match self {
            Self::Cpu => Device::flex(),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Device::wgpu(burn::tensor::DeviceKind::DefaultDevice),
            #[cfg(feature = "cuda")]
            Self::Cuda => Device::cuda(0),
            #[cfg(not(all(feature = "wgpu", feature = "cuda")))]
            other => unreachable!("{} was not built, so it was not chosen", other.name()),
        }
    }
}

impl std::str::FromStr for Backend {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|backend| backend.name() == text);
        found.ok_or_else(|| invalid("backend", text, "cpu, wgpu or cuda"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_built_is_refused_with_the_way_to_it() {
        for backend in Backend::ALL {
            assert_eq!(backend.name().parse::<Backend>().unwrap(), backend);
            if !backend.is_built() {
                let message = backend.choose().unwrap_err().to_string();
                assert!(
                    message.contains(&format!("--features {}", backend.name())),
                    "{message}"
                );
            }
        }
        Backend::Cpu.choose().unwrap();
        assert_eq!(Backend::chosen(), Backend::Cpu);
        assert!(
            "gpu"
                .parse::<Backend>()
                .unwrap_err()
                .to_string()
                .contains("cuda")
        );
    }
}

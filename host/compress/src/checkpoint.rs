//! Checkpoints: the state of a stage after an epoch, in one file of a working folder.
//!
//! A file is written under another name and then renamed, so that an interrupted write leaves the one before.
//! It says which options, data and network it belongs to; one that belongs to others, or is damaged, is refused.
//!
//! | bytes | meaning |
//! |---|---|
//! | 8 | `THRESHCK` |
//! | 4 | length of the header, little-endian |
//! | ... | header, JSON |
//! | ... | values of all tensors, 32-bit floats, little-endian |
//! | 32 | SHA-256 over everything before |

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

const MAGIC: &[u8; 8] = b"THRESHCK";
/// Changes whenever a checkpoint of an older version must not be continued.
const VERSION: u32 = 1;
const HASH_BYTES: usize = 32;

/// What a checkpoint belongs to: options, data, network.
pub(crate) type Identity = BTreeMap<String, String>;

/// Named values of a stage.
pub(crate) type State = BTreeMap<String, Vec<f32>>;

#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    identity: Identity,
    epochs: usize,
    tensors: Vec<(String, usize)>,
}

/// The checkpoint file of one stage.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    path: PathBuf,
    identity: Identity,
}

impl Store {
    /// The file `<stage>.checkpoint` in `folder`, which is made if it is not there.
    pub fn new(folder: &Path, stage: &str, identity: Identity) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
        Ok(Self {
            path: folder.join(format!("{stage}.checkpoint")),
            identity,
        })
    }

    /// Writes the state after `epochs` epochs.
    pub fn save(&self, epochs: usize, state: &State) -> Result<()> {
        let header = Header {
            version: VERSION,
            identity: self.identity.clone(),
            epochs,
            tensors: state.iter().map(|(k, v)| (k.clone(), v.len())).collect(),
        };
        let header = serde_json::to_vec(&header).expect("a header has only text keys");
        let mut bytes = Vec::new();
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&(header.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&header);
        for value in state.values().flatten() {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        let hash = Sha256::digest(&bytes);
        bytes.extend_from_slice(&hash);
        write_atomically(&self.path, &bytes)
    }

    /// Epochs and state of the checkpoint, or `None` if there is none.
    pub fn load(&self) -> Result<Option<(usize, State)>> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io(&self.path, e)),
        };
        let (header, values) = self.split(&bytes)?;
        self.check_identity(&header.identity)?;
        let mut state = State::new();
        let mut values = values.chunks_exact(4);
        for (name, count) in header.tensors {
            let tensor: Vec<f32> = values
                .by_ref()
                .take(count)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect();
            if tensor.len() != count {
                return Err(self.corrupt("it holds too few values"));
            }
            state.insert(name, tensor);
        }
        Ok(Some((header.epochs, state)))
    }

    /// The error that the file is damaged.
    pub fn corrupt(&self, reason: &str) -> Error {
        Error::corrupt(&self.path, reason)
    }

    fn split<'a>(&self, bytes: &'a [u8]) -> Result<(Header, &'a [u8])> {
        let start = MAGIC.len() + 4;
        if bytes.len() < start + HASH_BYTES || !bytes.starts_with(MAGIC) {
            return Err(self.corrupt("it is no checkpoint of this program"));
        }
        let (body, hash) = bytes.split_at(bytes.len() - HASH_BYTES);
        if Sha256::digest(body)[..] != *hash {
            return Err(self.corrupt("its bytes have changed since it was written"));
        }
        let length = [body[8], body[9], body[10], body[11]];
        let end = start.saturating_add(u32::from_le_bytes(length) as usize);
        let header = body
            .get(start..end)
            .ok_or_else(|| self.corrupt("its header is longer than the file"))?;
        let header: Header = serde_json::from_slice(header)
            .map_err(|e| self.corrupt(&format!("its header cannot be read ({e})")))?;
        if header.version != VERSION {
            return Err(self.corrupt(&format!(
                "it has version {}, this program writes version {VERSION}",
                header.version
            )));
        }
        Ok((header, &body[end..]))
    }

    fn check_identity(&self, found: &Identity) -> Result<()> {
        let keys = self.identity.keys().chain(found.keys());
        for key in keys {
            let (expected, found) = (self.identity.get(key), found.get(key));
            if expected != found {
                let text = |value: Option<&String>| value.cloned().unwrap_or_default();
                return Err(Error::Foreign {
                    path: self.path.clone(),
                    key: key.clone(),
                    found: text(found),
                    expected: text(expected),
                });
            }
        }
        Ok(())
    }
}

/// Writes `bytes` to `path` so that at any time it holds either its old content or all of the new one.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("new");
    let write = || {
        let mut file = fs::File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|e| {
        drop(fs::remove_file(&temporary));
        Error::io(path, e)
    })
}
